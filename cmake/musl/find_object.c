/* The unwinder of a gcc that was built for glibc asks glibc which object an address lies in. With musl, this answers, by what
 * musl has: dl_iterate_phdr. */
#define _GNU_SOURCE
#include <link.h>
#include <stddef.h>
#include <stdint.h>

#if !defined(__x86_64__) && !defined(__aarch64__)
#error "On this processor, the structure may have other members; glibc's <bits/dlfcn.h> tells"
#endif

/* As in glibc's <dlfcn.h>. */
struct dl_find_object {
    unsigned long long flags;
    void *map_start, *map_end;
    struct link_map *link_map;
    void *eh_frame; /* the segment PT_GNU_EH_FRAME */
    unsigned long long reserved[7];
};

struct search {
    uintptr_t address;
    struct dl_find_object *found;
};

static int look(struct dl_phdr_info *object, size_t size, void *data) {
    struct search *search = data;
    int has_it = 0;
    (void)size;
    for (size_t i = 0; i < object->dlpi_phnum; i++) {
        const ElfW(Phdr) *segment = &object->dlpi_phdr[i];
        uintptr_t start = object->dlpi_addr + segment->p_vaddr;
        if (segment->p_type == PT_LOAD && search->address - start < segment->p_memsz) {
            search->found->map_start = (void *)start;
            search->found->map_end = (void *)(start + segment->p_memsz);
            has_it = 1;
        }
        if (segment->p_type == PT_GNU_EH_FRAME) search->found->eh_frame = (void *)start;
    }
    if (!has_it) search->found->eh_frame = NULL;
    return has_it;
}

__attribute__((visibility("hidden"))) int _dl_find_object(void *address, struct dl_find_object *found) {
    *found = (struct dl_find_object){0};
    struct search search = {(uintptr_t)address, found};
    return dl_iterate_phdr(look, &search) && found->eh_frame ? 0 : -1;
}
