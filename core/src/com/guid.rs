//! GUIDs, and the interfaces that a cancel object has.

/// A GUID in its binary form, as `GUID` and `IID` in C.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
#[repr(C)]
pub struct Guid {
    /// The first group.
    pub data1: u32,
    /// The second group.
    pub data2: u16,
    /// The third group.
    pub data3: u16,
    /// The last two groups, byte by byte.
    pub data4: [u8; 8],
}

const fn ole(data1: u32) -> Guid {
    Guid { data1, data2: 0, data3: 0, data4: [0xC0, 0, 0, 0, 0, 0, 0, 0x46] }
}

/// `IUnknown`: 00000000-0000-0000-C000-000000000046.
pub const IID_IUNKNOWN: Guid = ole(0);
/// `ICancelMethodCalls`: 00000029-0000-0000-C000-000000000046.
pub const IID_ICANCEL_METHOD_CALLS: Guid = ole(0x29);
