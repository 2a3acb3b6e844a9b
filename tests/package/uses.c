/* What a stranger builds against an installed cocancel: both headers, and a call from its beginning to its end. */
#include <stdio.h>
#include <string.h>

#if defined(__MINGW32__)
#include <windows.h> /* declares the COM functions as ole32's, which must not be linked */

#include <objbase.h>
#endif
#include <cocancel.h>
#include <cocancel_com.h>

#define CHECK(condition)                                                     \
    do {                                                                     \
        if (!(condition)) {                                                  \
            fprintf(stderr, "line %d: not so: %s\n", __LINE__, #condition);  \
            return 1;                                                        \
        }                                                                    \
    } while (0)

int main(void) {
    cocancel_call call = 0;
    CHECK(cocancel_abi_version() == COCANCEL_ABI_VERSION);
    CHECK(strcmp(cocancel_version(), EXPECTED_VERSION) == 0);
    CHECK(CoEnableCallCancellation(NULL) == S_OK);
    CHECK(cocancel_begin(NULL, NULL, &call) == COCANCEL_S_OK);
    CHECK(CoCancelCall(cocancel_thread_id(), 0) == S_OK);
    CHECK(cocancel_wait(NULL, call) == COCANCEL_RPC_E_CALL_CANCELED);
    CHECK(cocancel_finish(NULL, call) == COCANCEL_RPC_E_CALL_CANCELED);
    CHECK(CoDisableCallCancellation(NULL) == S_OK);
    puts("all as expected"); /* Wine's exit status is 0 for a program whose wineserver dies as well */
    return 0;
}
