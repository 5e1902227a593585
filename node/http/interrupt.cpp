#include "node/http/interrupt.h"

#include <sys/eventfd.h>
#include <unistd.h>

namespace witan::http {

Interrupt::Interrupt() : file_(::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)) {}

Interrupt::~Interrupt() {
  if (file_ >= 0) ::close(file_);
}

void Interrupt::set() {
  if (!set_.exchange(true)) (void)::eventfd_write(file_, 1);
}

void Interrupt::clear() {
  eventfd_t ignored = 0;
  if (set_.exchange(false)) (void)::eventfd_read(file_, &ignored);
}

}  // namespace witan::http
