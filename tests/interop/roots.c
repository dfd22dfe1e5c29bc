/* Gives a program that has no option for it another set of trusted roots: where it opens the system's, it gets the
   file that $ROOTS names. Loaded with LD_PRELOAD. */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char system_roots[] = "/etc/ssl/certs/ca-certificates.crt";

static FILE *redirected(const char *function, const char *path, const char *mode) {
    FILE *(*next)(const char *, const char *) = (FILE * (*)(const char *, const char *)) dlsym(RTLD_NEXT, function);
    const char *roots = getenv("ROOTS");
    return next(roots && strcmp(path, system_roots) == 0 ? roots : path, mode);
}

FILE *fopen(const char *path, const char *mode) { return redirected("fopen", path, mode); }

FILE *fopen64(const char *path, const char *mode) { return redirected("fopen64", path, mode); }
