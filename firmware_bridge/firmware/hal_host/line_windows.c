#ifdef _WIN32
#include <winsock2.h>
#include <ws2tcpip.h>

#include "line.h"

#include <stdio.h>
#include <string.h>

static SOCKET listener = INVALID_SOCKET, line = INVALID_SOCKET;

static void never_block(SOCKET socket)
{
    u_long on = 1;
    ioctlsocket(socket, (long)FIONBIO, &on);
}

bool line_open_tcp(const char *address)
{
    char host[256];
    WSADATA data;
    const char *colon = strrchr(address, ':');
    size_t length = colon ? (size_t)(colon - address) : 0;
    if (length == 0 || length >= sizeof host) {
        fprintf(stderr, "oscilab-firmware: %s is not HOST:PORT\n", address);
        return false;
    }
    memcpy(host, address, length);
    host[length] = 0;
    WSAStartup(MAKEWORD(2, 2), &data);
    struct addrinfo wanted = {0}, *found;
    wanted.ai_family = AF_INET;
    wanted.ai_socktype = SOCK_STREAM;
    if (getaddrinfo(host, colon + 1, &wanted, &found)) {
        fprintf(stderr, "oscilab-firmware: %s is no address\n", address);
        return false;
    }
    struct sockaddr_in bound;
    int size = sizeof bound;
    listener = socket(AF_INET, SOCK_STREAM, 0);
    bool good = bind(listener, found->ai_addr, (int)found->ai_addrlen) == 0 &&
                listen(listener, 4) == 0 &&
                getsockname(listener, (struct sockaddr *)&bound, &size) == 0;
    freeaddrinfo(found);
    if (!good) {
        fprintf(stderr, "oscilab-firmware: %s: error %d\n", address, WSAGetLastError());
        return false;
    }
    never_block(listener);
    printf("{\"port\": \"socket://%s:%u\"}\n", host, (unsigned)ntohs(bound.sin_port));
    return fflush(stdout) == 0;
}

bool line_open_pty(void)
{
    fprintf(stderr, "oscilab-firmware: Windows has no pseudo-terminals; use --tcp\n");
    return false;
}

static void hang_up(void)
{
    closesocket(line);
    line = INVALID_SOCKET;
}

static void welcome(void)
{
    int on = 1;
    SOCKET next = accept(listener, NULL, NULL);
    if (next == INVALID_SOCKET)
        return;
    if (line != INVALID_SOCKET)
        closesocket(line);
    line = next;
    setsockopt(line, IPPROTO_TCP, TCP_NODELAY, (const char *)&on, sizeof on);
    never_block(line);
}

size_t line_receive(uint8_t *bytes, size_t most)
{
    if (line == INVALID_SOCKET)
        return 0;
    int count = recv(line, (char *)bytes, (int)most, 0);
    if (count > 0)
        return (size_t)count;
    if (count == 0 || WSAGetLastError() != WSAEWOULDBLOCK)
        hang_up();
    return 0;
}

size_t line_send(const uint8_t *bytes, size_t count)
{
    if (line == INVALID_SOCKET)
        return count;
    int sent = send(line, (const char *)bytes, (int)count, 0);
    if (sent >= 0)
        return (size_t)sent;
    if (WSAGetLastError() == WSAEWOULDBLOCK)
        return 0;
    hang_up();
    return count;
}

void line_wait(uint32_t ms)
{
    fd_set files;
    struct timeval patience = {(long)(ms / 1000), (long)(ms % 1000) * 1000};
    FD_ZERO(&files);
    FD_SET(listener, &files);
    if (line != INVALID_SOCKET)
        FD_SET(line, &files);
    if (select(0, &files, NULL, NULL, &patience) > 0 && FD_ISSET(listener, &files))
        welcome();
}

bool line_orphaned(void)
{
    DWORD waiting;
    HANDLE input = GetStdHandle(STD_INPUT_HANDLE);
    if (GetFileType(input) != FILE_TYPE_PIPE)
        return false;
    return !PeekNamedPipe(input, NULL, 0, NULL, &waiting, NULL);
}
#else
typedef int not_here; /* a translation unit must not be empty */
#endif
