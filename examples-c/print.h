/* Prints what a server sent: with its line ends and tabs, but without other control characters, with which it could steer
 * the terminal or write over what stands there. They are printed as \u001b, and bytes that are no text as \x9b. */
#ifndef PRINT_H
#define PRINT_H

#include <stdio.h>
#include <string.h>

/* Reads the UTF-8 character at the beginning of a text that is not empty: its length, or 0 if there is none. */
static inline size_t read_character(const char *text, size_t length, unsigned long *character) {
    const unsigned char *bytes = (const unsigned char *)text;
    size_t size = bytes[0] < 0x80 ? 1 : bytes[0] < 0xC2 ? 0 : bytes[0] < 0xE0 ? 2 : bytes[0] < 0xF0 ? 3 : bytes[0] < 0xF5 ? 4 : 0;
    if (size == 0 || size > length) return 0;
    unsigned long c = size == 1 ? bytes[0] : bytes[0] & (0x7Fu >> size);
    for (size_t i = 1; i < size; i++) {
        if ((bytes[i] & 0xC0) != 0x80) return 0;
        c = c << 6 | (bytes[i] & 0x3F);
    }
    if ((size == 3 && c < 0x800) || (size == 4 && (c < 0x10000 || c > 0x10FFFF)) || (c >= 0xD800 && c < 0xE000)) return 0;
    *character = c;
    return size;
}

/* C0 but for tab, DEL and C1; of them, the line end is for the caller to judge. */
static inline int is_control(unsigned long c) {
    return (c < 0x20 && c != '\t') || (c >= 0x7F && c < 0xA0);
}

/* Prints a text; each further line of it begins with `indent`. */
static inline void print_lines(FILE *out, const char *text, size_t length, const char *indent) {
    while (length > 0) {
        unsigned long c = 0;
        size_t size = read_character(text, length, &c);
        if (size == 0) {
            fprintf(out, "\\x%02x", (unsigned char)*text);
            size = 1;
        } else if (c == '\n') {
            fprintf(out, "\n%s", indent);
        } else if (is_control(c)) {
            fprintf(out, "\\u%04lx", c);
        } else {
            fwrite(text, 1, size, out);
        }
        text += size;
        length -= size;
    }
}

/* Prints a text, with further lines indented so that none of them looks like the beginning of another. */
static inline void print_text(FILE *out, const char *text, size_t length) {
    print_lines(out, text, length, "    ");
}

/* The same of a text that ends with a NUL. */
static inline void print_string(FILE *out, const char *text) {
    print_text(out, text, strlen(text));
}

/* An event, as most of these programs print it. */
static inline void print_event(const char *label, size_t label_length, const char *data, size_t data_length) {
    print_text(stdout, label, label_length);
    fputs(": ", stdout);
    print_text(stdout, data, data_length);
    putchar('\n');
    fflush(stdout);
}

/* Something that went wrong, and why. */
static inline void print_error(const char *what, const char *why) {
    print_string(stderr, what);
    fputs(": ", stderr);
    print_string(stderr, why);
    putc('\n', stderr);
}

#endif
