/* Play the host's part of golden transcripts, and compare the device's byte by byte. */
#include <string.h>

#include "fake.h"

#define LONGEST 65536

static uint8_t hex_digit(char digit)
{
    return (uint8_t)(digit <= '9' ? digit - '0' : digit - 'a' + 10);
}

static size_t from_hex(const char *text, uint8_t *bytes)
{
    size_t count = 0;
    for (; text[0] > ' ' && text[1] > ' '; text += 2)
        bytes[count++] = (uint8_t)(hex_digit(text[0]) << 4 | hex_digit(text[1]));
    return count;
}

static void direct(const char *order)
{
    unsigned number, code;
    if (sscanf(order, "silence %u", &number) == 1) {
        fake.wall_ms += number;
    } else {
        CHECK(sscanf(order, "input %u %u", &number, &code) == 2);
        fake.digital_in = (uint16_t)code;
        fake.wall_ms++;
    }
    fake_settle();
}

static int differs(const char *name, unsigned line, size_t at, const uint8_t *wanted, size_t count)
{
    size_t same = 0;
    while (same < count && at + same < fake.out_end && fake.out[at + same] == wanted[same])
        same++;
    if (same == count)
        return 0;
    fprintf(stderr, "%s:%u: byte %zu of the frame differs; the device sent\n", name, line, same);
    for (size_t n = at; n < fake.out_end; n++)
        fprintf(stderr, "%02x%s", fake.out[n], fake.out[n] ? "" : "\n");
    return 1;
}

static int replay(const char *name)
{
    static char text[LONGEST];
    static uint8_t bytes[LONGEST];
    unsigned line = 0;
    size_t at = 0;
    FILE *file = fopen(name, "r");
    CHECK(file);
    fake_start();
    while (fgets(text, sizeof text, file)) {
        line++;
        char *hex = strchr(text + 2, ' ');
        if (text[0] == '<') {
            size_t count = from_hex(hex + 1, bytes);
            if (differs(name, line, at, bytes, count))
                return 1;
            at += count;
            continue;
        }
        if (text[0] == '#')
            continue;
        if (at != fake.out_end) {
            fprintf(stderr, "%s:%u: the device had sent more before\n", name, line);
            return differs(name, line, at, (const uint8_t *)"", 1);
        }
        at = fake.out_end = 0;
        if (text[0] == '!') {
            direct(text + 2);
        } else {
            fake_feed(bytes, from_hex(hex + 1, bytes));
            fake_settle();
        }
    }
    fclose(file);
    CHECK(at == fake.out_end);
    return 0;
}

int main(int count, char **names)
{
    int bad = 0;
    for (int n = 1; n < count; n++)
        bad += replay(names[n]);
    printf("%d of %d transcripts differ\n", bad, count - 1);
    return bad || count < 2;
}
