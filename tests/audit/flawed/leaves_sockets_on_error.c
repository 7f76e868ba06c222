// SPDX-License-Identifier: GPL-2.0-or-later
// Asks a line server five questions, each by a connection of its own: ask SERVER PORT
#include <netdb.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

static const char *questions[] = {"DISK\n", "LOAD\n", "MEMORY\n", "USERS\n", "UPTIME\n"};
static time_t end;

static int ask(const struct addrinfo *to, const char *question) {
    struct timeval limit = {.tv_sec = 1};
    char reply[4096];
    size_t have = 0;
    int fd = socket(to->ai_family, SOCK_STREAM, 0);
    if (fd < 0)
        return -1;
    setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof limit);
    setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &limit, sizeof limit);
    if (connect(fd, to->ai_addr, to->ai_addrlen) < 0)
        return -1;
    if (send(fd, question, strlen(question), MSG_NOSIGNAL) < 0)
        return -1;
    while (!memchr(reply, '\n', have)) {
        ssize_t count = recv(fd, reply + have, sizeof reply - have, 0);
        if (count <= 0 || time(NULL) > end)
            return -1;
        have += count;
    }
    printf("%.*s", (int)have, reply);
    return close(fd);
}

int main(int argc, char **argv) {
    struct addrinfo hints = {.ai_socktype = SOCK_STREAM}, *found;
    int failed = 0;
    if (argc < 3 || getaddrinfo(argv[1], argv[2], &hints, &found))
        return 2;
    end = time(NULL) + 7;
    for (int each = 0; each < 5; each++, usleep(200000))
        failed += ask(found, questions[each]) < 0;
    return failed ? fprintf(stderr, "%d questions have no answer\n", failed), 1 : 0;
}
