/* The internal headers of the system layer, for samples that call its functions. */
#ifndef MICROUSC_SAMPLES_INTERNAL_H
#define MICROUSC_SAMPLES_INTERNAL_H

#include "prelude.h"

#include "MicroUSC/internal/driverList.h"
#include "MicroUSC/internal/system/init.h"

#endif /* MICROUSC_SAMPLES_INTERNAL_H */
