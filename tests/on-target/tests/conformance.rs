//! Each clause of the conformance suite as a test of its own, on a board that was just reset.
#![no_std]
#![no_main]

#[cfg(target_arch = "arm")]
use cortex_m_rt as _;
#[cfg(target_arch = "riscv32")]
use riscv_rt as _;

macro_rules! tests {
    ($($clause:ident $text:literal;)*) => {
        #[embedded_test::tests]
        mod tests {
            use cocancel_conformance::{at_once, nothing_is_left};
            use cocancel_on_target::Board;

            #[init]
            fn init() {
                Board::start();
            }

            $(
                #[test]
                #[timeout(20)]
                fn $clause() {
                    at_once(cocancel_conformance::$clause::<Board>());
                    nothing_is_left::<Board>();
                }
            )*

            /// A clause that is not kept fails its test.
            #[test]
            #[timeout(20)]
            #[should_panic]
            fn failures_are_noticed() {
                panic!("on purpose");
            }
        }
    };
}
cocancel_conformance::for_each_clause!(tests);
