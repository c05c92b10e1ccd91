#ifndef _WIN32
#define _GNU_SOURCE
#include "line.h"

#include <errno.h>
#include <fcntl.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <termios.h>
#include <unistd.h>

static int listener = -1, line = -1;
static bool is_pty, blocked;

static bool complain(const char *what)
{
    fprintf(stderr, "oscilab-firmware: %s: %s\n", what, strerror(errno));
    return false;
}

static void never_block(int file)
{
    fcntl(file, F_SETFL, fcntl(file, F_GETFL) | O_NONBLOCK);
}

bool line_open_tcp(const char *address)
{
    char host[256];
    const char *colon = strrchr(address, ':');
    size_t length = colon ? (size_t)(colon - address) : 0;
    if (length == 0 || length >= sizeof host) {
        fprintf(stderr, "oscilab-firmware: %s is not HOST:PORT\n", address);
        return false;
    }
    memcpy(host, address, length);
    host[length] = 0;
    struct addrinfo wanted = {.ai_family = AF_INET, .ai_socktype = SOCK_STREAM}, *found;
    int trouble = getaddrinfo(host, colon + 1, &wanted, &found);
    if (trouble) {
        fprintf(stderr, "oscilab-firmware: %s: %s\n", address, gai_strerror(trouble));
        return false;
    }
    int on = 1;
    struct sockaddr_in bound;
    socklen_t size = sizeof bound;
    listener = socket(AF_INET, SOCK_STREAM, 0);
    setsockopt(listener, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
    bool good = bind(listener, found->ai_addr, found->ai_addrlen) == 0 &&
                listen(listener, 4) == 0 &&
                getsockname(listener, (struct sockaddr *)&bound, &size) == 0;
    freeaddrinfo(found);
    if (!good)
        return complain(address);
    never_block(listener);
    printf("{\"port\": \"socket://%s:%u\"}\n", host, (unsigned)ntohs(bound.sin_port));
    return fflush(stdout) == 0;
}

bool line_open_pty(void)
{
    struct termios raw;
    line = posix_openpt(O_RDWR | O_NOCTTY);
    if (line < 0 || grantpt(line) || unlockpt(line))
        return complain("no pseudo-terminal");
    const char *name = ptsname(line);
    /* Held open, so that the pty survives when a host closes it. */
    int end = open(name, O_RDWR | O_NOCTTY);
    if (end < 0 || tcgetattr(end, &raw))
        return complain(name);
    raw.c_iflag &= (tcflag_t) ~(IGNBRK | BRKINT | PARMRK | ISTRIP | INLCR | IGNCR | ICRNL | IXON);
    raw.c_oflag &= (tcflag_t)~OPOST;
    raw.c_lflag &= (tcflag_t) ~(ECHO | ECHONL | ICANON | ISIG | IEXTEN);
    tcsetattr(end, TCSANOW, &raw);
    never_block(line);
    is_pty = true;
    printf("{\"port\": \"%s\"}\n", name);
    return fflush(stdout) == 0;
}

static void hang_up(void)
{
    if (is_pty)
        return;
    close(line);
    line = -1;
}

static void welcome(void)
{
    int on = 1;
    int next = accept(listener, NULL, NULL);
    if (next < 0)
        return;
    /* The latest connection is the host; an earlier one has gone, or will notice the silence. */
    if (line >= 0)
        close(line);
    line = next;
    setsockopt(line, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    never_block(line);
}

size_t line_receive(uint8_t *bytes, size_t most)
{
    if (line < 0)
        return 0;
    ssize_t count = read(line, bytes, most);
    if (count > 0)
        return (size_t)count;
    if (count == 0 || (errno != EAGAIN && errno != EINTR))
        hang_up();
    return 0;
}

size_t line_send(const uint8_t *bytes, size_t count)
{
    if (line < 0)
        return count; /* no host is connected */
    ssize_t sent = is_pty ? write(line, bytes, count) : send(line, bytes, count, MSG_NOSIGNAL);
    bool later = sent < 0 && (errno == EAGAIN || errno == EINTR);
    blocked = later || (sent >= 0 && (size_t)sent < count);
    if (sent >= 0)
        return (size_t)sent;
    if (later)
        return 0;
    hang_up();
    return count;
}

void line_wait(uint32_t ms)
{
    /* If the host accepts no bytes, wait instead of taking its CPU time by retrying. */
    short wanted = blocked ? POLLOUT : POLLIN;
    struct pollfd files[2] = {{.fd = line, .events = wanted}, {.fd = listener, .events = POLLIN}};
    if (poll(files, 2, blocked && ms == 0 ? 1 : (int)ms) > 0 && (files[1].revents & POLLIN))
        welcome();
    blocked = false;
}

bool line_orphaned(void)
{
    char byte;
    struct pollfd input = {.fd = STDIN_FILENO, .events = POLLIN};
    if (poll(&input, 1, 0) <= 0)
        return false;
    return read(STDIN_FILENO, &byte, 1) <= 0;
}
#else
typedef int not_here; /* a translation unit must not be empty */
#endif
