/*
 * Threads, as far as drivers use them: tasks of the kernel.
 */
#ifndef MICROUSC_SAMPLES_PTHREAD_H
#define MICROUSC_SAMPLES_PTHREAD_H

typedef struct thread *pthread_t;

int pthread_create(pthread_t *thread, const void *attributes, void *(*run)(void *), void *argument);
int pthread_join(pthread_t thread, void **result);

#endif /* MICROUSC_SAMPLES_PTHREAD_H */
