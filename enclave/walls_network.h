#pragma once
// A network of its own, with nothing in it.

#include "enclave/walls.h"

namespace witan {

// Moves this process, which must have one thread, into a new network namespace without addresses:
// directly where it may (root), or else in a new user namespace, in which it keeps its ids. Sockets
// that are open stay connected.
[[nodiscard]] WhyNot leave_network();
// The first half of it, for a process that is root and will not be for long.
[[nodiscard]] WhyNot leave_network_as_root();

}  // namespace witan
