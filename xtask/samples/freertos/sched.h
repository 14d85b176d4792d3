#ifndef MICROUSC_SAMPLES_SCHED_H
#define MICROUSC_SAMPLES_SCHED_H

int sched_yield(void);

#endif /* MICROUSC_SAMPLES_SCHED_H */
