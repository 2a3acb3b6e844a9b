/* Starting a server process. SPDX-License-Identifier: MIT OR Apache-2.0 */
#define _GNU_SOURCE
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "rpc.h"

int rpc_spawn(const char *program, int stage, char *path, size_t room) {
    static unsigned count;
    char descriptor[12];
    int length = snprintf(path, room, "/tmp/cocancel-rpc-%ld-%u", (long)getpid(), __atomic_fetch_add(&count, 1, __ATOMIC_RELAXED));
    if (length < 0 || (size_t)length >= room) return -1;
    snprintf(descriptor, sizeof descriptor, "%d", stage);
    unlink(path);
    pid_t parent = getpid();
    pid_t child = fork();
    if (child != 0) return child;
    /* it does not outlive a parent that is killed */
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (getppid() != parent) _exit(1);
    execl(program, program, path, stage < 0 ? NULL : descriptor, (char *)NULL);
    _exit(127);
}

rpc_connection *rpc_connect_when_up(const char *path) {
    for (int n = 0; n < 60000; n++) {
        rpc_connection *connection = rpc_connect(path);
        if (connection != NULL) return connection;
        usleep(1000);
    }
    return NULL;
}

void rpc_kill(int server, const char *path) {
    kill(server, SIGKILL);
    waitpid(server, NULL, 0);
    unlink(path);
}
