/* A prototype of the system layer. NAME says which. */
#include "internal.h"

#include "signature.c"
