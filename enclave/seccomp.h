#pragma once
// Which system calls the enclave may still make (seccomp, through libseccomp).

#include "enclave/walls.h"

namespace witan {

// From now on all threads of this process make only the calls on the list in seccomp.cpp: files
// that are open or that are opened by path, the socket that is there, memory that is not
// executable, locks, clocks, random bytes. Threads must have been started before.
//
// A call that only foreign code would make (sockets, programs, processes, tracing, namespaces,
// mounts) ends the process with SIGSYS: whoever got that far gets no second try, and the node sees
// an enclave that died. Every other call fails with EPERM, so that a library that was updated and
// tries a new call first does not stop the log.
[[nodiscard]] WhyNot raise_seccomp();

}  // namespace witan
