//! Steps of cancellers, and of those who ask for the call context.

use std::ffi::c_void;
use std::ptr::null_mut;

use cocancel_model::hresult::S_OK;
use cocancel_model::{Iid, Op, ReferenceId, Reply};

use super::{Play, THREADS, methods, ms};
use crate::{Step, c};

impl Play {
    pub(super) fn canceller(&mut self, step: Step) {
        let Step { thread, which, number, .. } = step;
        let rt = self.rt(step);
        let other = which as u32 % (THREADS + 2);
        let seconds = [0, 0, 1, 2, 0xFFFF_FFFE, c::INFINITE][usize::from(number) % 6];
        let timeout = [0, 0, 1, 1500, u32::from(number), c::INFINITE][usize::from(number) % 6];
        let iid = [Iid::Unknown, Iid::CancelMethodCalls, Iid::Other][usize::from(number) % 3];
        let guid = cocancel_host_tests::driver::guid(iid);
        let wait = which % 3 != 0;
        let mut object = null_mut();
        let held = self.references.get(which % self.references.len().max(1)).copied();
        match (step.what % 32, self.some(which)) {
            (15, _) => {
                // SAFETY: any numbers
                let code = unsafe { c::CoCancelCall(other, seconds) };
                let timeout = cocancel_model::seconds(seconds);
                self.judge(thread, Op::CancelThread { thread: other, timeout, wait: true }, code);
            }
            (16, _) => {
                // SAFETY: any numbers
                let code = unsafe { c::cocancel_cancel_thread(rt, other, timeout, u32::from(!wait)) };
                self.judge(thread, Op::CancelThread { thread: other, timeout: ms(timeout), wait }, code);
            }
            (17 | 18, Some(call)) => {
                // SAFETY: any numbers
                let code = unsafe { c::cocancel_cancel_call(rt, call.handle, timeout, u32::from(!wait)) };
                self.judge(thread, Op::CancelHandle { call: call.id, timeout: ms(timeout), wait }, code);
            }
            (19, _) => {
                let reference = self.name();
                // SAFETY: the pointers are good ones
                let code = unsafe { c::CoGetCancelObject(other, &raw const guid, &raw mut object) };
                let reply = self.judge(thread, Op::GetCancelObject { thread: other, iid, reference }, code);
                self.referred(reference, object, &reply);
            }
            (20, Some(call)) => {
                let reference = self.name();
                // SAFETY: the pointers are good ones
                let code = unsafe { c::cocancel_object_of(rt, call.handle, &c::IID_IUNKNOWN, &raw mut object) };
                let reply = self.judge(thread, Op::ObjectOf { call: call.id, reference }, code);
                self.referred(reference, object, &reply);
            }
            (21, _) if thread != 0 => {
                let reference = self.name();
                // SAFETY: the pointers are good ones
                let code = unsafe { c::CoGetCallContext(&raw const guid, &raw mut object) };
                let reply = self.judge(thread, Op::GetContext { iid, reference }, code);
                self.referred(reference, object, &reply);
            }
            (22, _) => {
                let Some((reference, object)) = held else { return };
                // a context of a call without a slot has no Cancel that the model knows
                // SAFETY: a reference is held
                let code = unsafe { (methods(object).test_cancel)(object.cast()) };
                self.judge(thread, Op::TestObject { reference }, code.0);
            }
            (_, _) if thread != 0 && number % 2 == 0 => {
                let Some((reference, object)) = held else { return };
                self.references.retain(|(other, _)| *other != reference);
                // SAFETY: a reference is held
                unsafe { (methods(object).release)(object.cast()) };
                self.judge(thread, Op::Release { reference }, 0);
            }
            _ => {
                let Some((reference, object)) = held else { return };
                // SAFETY: a reference is held
                let code = unsafe { (methods(object).cancel)(object.cast(), seconds) };
                let timeout = cocancel_model::seconds(seconds);
                self.judge(thread, Op::CancelObject { reference, timeout, wait: true }, code.0);
            }
        }
    }

    fn referred(&mut self, reference: ReferenceId, object: *mut c_void, reply: &Reply) {
        assert_eq!(object.is_null(), reply.hresult != S_OK);
        if !object.is_null() {
            self.references.push((reference, object));
        }
    }
}
