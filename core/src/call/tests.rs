use super::*;

#[test]
fn references_are_counted_and_stick_at_the_maximum() {
    let slot = CallSlot::new();
    assert_eq!((slot.add_reference(), slot.add_reference(), slot.add_reference()), (0, 1, 2));
    assert_eq!((slot.drop_reference(), slot.drop_reference(), slot.drop_reference()), (3, 2, 1));
    assert_eq!((slot.drop_reference(), slot.drop_reference()), (0, 0), "one too many changes nothing");
    assert_eq!((slot.add_to_references(), slot.add_to_references()), (0, 0), "there are none to add to");
    assert_eq!((slot.add_reference(), slot.add_to_references(), slot.drop_reference()), (0, 1, 2));
    // Relaxed: one thread
    slot.refs.store(u32::MAX - 1, Relaxed);
    assert_eq!((slot.add_reference(), slot.add_reference(), slot.add_reference()), (u32::MAX - 1, u32::MAX, u32::MAX));
    assert_eq!(
        (slot.add_to_references(), slot.drop_reference(), slot.drop_reference()),
        (u32::MAX, u32::MAX, u32::MAX)
    );
}
