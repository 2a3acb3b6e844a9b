/* also: c++ */
/* The per-thread enable counter. SPDX-License-Identifier: MIT OR Apache-2.0 */
#include <pthread.h>

#include "check.h"
#include "cocancel_com.h"

static void *another_thread(void *unused) {
    /* disabled at first, whatever the others are */
    CHECK(CoDisableCallCancellation(NULL), CO_E_CANCEL_DISABLED);
    CHECK(CoEnableCallCancellation(NULL), S_OK);
    return unused; /* ends enabled: nobody inherits it */
}

static void run_another(void) {
    pthread_t thread;
    CHECK_TRUE(pthread_create(&thread, NULL, another_thread, NULL) == 0);
    CHECK_TRUE(pthread_join(thread, NULL) == 0);
}

int main(void) {
    int n;
    /* [win] enable, disable -> S_OK, disable -> CO_E_CANCEL_DISABLED */
    CHECK(CoDisableCallCancellation(NULL), CO_E_CANCEL_DISABLED);
    CHECK(CoEnableCallCancellation(NULL), S_OK);
    CHECK(CoDisableCallCancellation(NULL), S_OK);
    CHECK(CoDisableCallCancellation(NULL), CO_E_CANCEL_DISABLED);
    /* [win] enable twice, disable twice -> S_OK both, a third -> CO_E_CANCEL_DISABLED */
    CHECK(CoEnableCallCancellation(NULL), S_OK);
    CHECK(CoEnableCallCancellation(NULL), S_OK);
    CHECK(CoDisableCallCancellation(NULL), S_OK);
    CHECK(CoDisableCallCancellation(NULL), S_OK);
    CHECK(CoDisableCallCancellation(NULL), CO_E_CANCEL_DISABLED);
    /* reserved means reserved, and nothing changed */
    CHECK(CoEnableCallCancellation(&n), E_INVALIDARG);
    CHECK(CoDisableCallCancellation(&n), E_INVALIDARG);
    CHECK(CoDisableCallCancellation(NULL), CO_E_CANCEL_DISABLED);
    for (n = 0; n < 100; n++) run_another();
    /* the maximum, and one more */
    for (n = 0; n < 65535; n++) CHECK(CoEnableCallCancellation(NULL), S_OK);
    CHECK(CoEnableCallCancellation(NULL), E_FAIL);
    for (n = 0; n < 65535; n++) CHECK(CoDisableCallCancellation(NULL), S_OK);
    CHECK(CoDisableCallCancellation(NULL), CO_E_CANCEL_DISABLED);
    return failures != 0;
}
