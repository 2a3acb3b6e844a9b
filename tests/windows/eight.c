/* A program that calls all eight functions: through mingw's own headers, or, where there is no SDK, through cocancel_com.h. Only linked.
   SPDX-License-Identifier: MIT OR Apache-2.0 */
#if defined(__MINGW32__)
#include <windows.h>

#include <objbase.h>
#endif
#include "cocancel_com.h"

static HRESULT call_all(const IID *iid, IUnknown *object) {
    void *found = NULL;
    IUnknown *old = NULL;
    HRESULT hr = CoEnableCallCancellation(NULL);
    hr |= CoSetCancelObject(object);
    hr |= CoGetCancelObject(0, iid, &found);
    hr |= CoCancelCall(0, 0);
    hr |= CoTestCancel();
    hr |= CoGetCallContext(iid, &found);
    hr |= CoSwitchCallContext(object, &old);
    return hr | CoDisableCallCancellation(NULL);
}

#if defined(__MINGW32__)
int main(void) { return (int)call_all(&IID_IUnknown, NULL); }
#else
int start(void) { return (int)call_all(&IID_IUnknown, NULL); }
#endif
