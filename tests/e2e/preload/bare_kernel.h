#pragma once
// For preloaded libraries: takes Landlock and seccomp away from the programs, as a kernel without
// them would, since the libraries write files elsewhere and send signals. The enclave then reports
// these walls as not in force.

#include <cerrno>
#include <cstdarg>
#include <dlfcn.h>
#include <sys/syscall.h>

extern "C" {

long syscall(long number, ...) {
  using Function = long (*)(long, long, long, long, long, long, long);
  static const auto real = reinterpret_cast<Function>(::dlsym(RTLD_NEXT, "syscall"));
  va_list list;
  va_start(list, number);
  long arguments[6];
  for (long& argument : arguments) argument = va_arg(list, long);
  va_end(list);
#ifdef SYS_landlock_create_ruleset
  if (number == SYS_landlock_create_ruleset) {
    errno = ENOSYS;
    return -1;
  }
#endif
  return real(number, arguments[0], arguments[1], arguments[2], arguments[3], arguments[4],
              arguments[5]);
}

int seccomp_load(void* /*filter*/) {
  return -ENOSYS;
}

}  // extern "C"
