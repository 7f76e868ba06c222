// SPDX-License-Identifier: GPL-2.0-or-later
// Fetches / without ever blocking: fetch SERVER PORT
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <netdb.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

static const char request[] = "GET / HTTP/1.0\r\n\r\n";

int main(int argc, char **argv) {
    struct addrinfo hints = {.ai_socktype = SOCK_STREAM}, *to;
    static char reply[1 << 20];
    size_t have = 0;
    ssize_t count;
    time_t end = time(NULL) + 7;
    if (argc < 3 || getaddrinfo(argv[1], argv[2], &hints, &to))
        return 2;
    int fd = socket(to->ai_family, SOCK_STREAM, 0);
    fcntl(fd, F_SETFL, O_NONBLOCK);
    connect(fd, to->ai_addr, to->ai_addrlen);
    while ((count = send(fd, request, strlen(request), MSG_NOSIGNAL)) < 0)
        if ((errno != EAGAIN && errno != ENOTCONN) || time(NULL) > end)
            return perror("send"), 1;
    for (;;) {
        count = recv(fd, reply + have, sizeof reply - 1 - have, 0);
        if (count > 0)
            have += count;
        else if (count == 0)
            break;
        else if (errno != EAGAIN || time(NULL) > end)
            return perror("recv"), 1;
    }
    char *body = strstr(reply, "\r\n\r\n"), *length = strcasestr(reply, "\r\nContent-Length:");
    if (!body || (length && strlen(body + 4) < strtoul(length + 17, NULL, 10)))
        return fprintf(stderr, "the reply is not whole\n"), 1;
    return printf("%s", body + 4) < 0;
}
