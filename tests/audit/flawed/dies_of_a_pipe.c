// SPDX-License-Identifier: GPL-2.0-or-later
// Sends a reading every second, three times, and waits for each reply: meter SERVER PORT
#include <netdb.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

int main(int argc, char **argv) {
    struct addrinfo hints = {.ai_socktype = SOCK_STREAM}, *to;
    struct timeval limit = {.tv_sec = 1, .tv_usec = 500000};
    char reply[4096];
    int missing = 0;
    if (argc < 3 || getaddrinfo(argv[1], argv[2], &hints, &to))
        return 2;
    int fd = socket(to->ai_family, SOCK_STREAM, 0);
    setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof limit);
    setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &limit, sizeof limit);
    if (connect(fd, to->ai_addr, to->ai_addrlen) < 0)
        return perror("meter"), 1;
    for (int reading = 1; reading <= 3; reading++) {
        if (dprintf(fd, "READING %d\n", reading) < 0)
            return perror("meter"), 1;
        ssize_t count = recv(fd, reply, sizeof reply, 0);
        if (count <= 0 || reply[count - 1] != '\n')
            missing++; // this one is lost: the next may get through
        sleep(1);
    }
    return missing ? fprintf(stderr, "%d replies are missing\n", missing), 1 : 0;
}
