#include "ledger/crypto/secret_memory.h"

#include <atomic>
#include <cerrno>
#include <cstring>
#include <new>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>
#include <utility>

#include <openssl/crypto.h>
#include <sodium.h>

#include "ledger/crypto/secret.h"

namespace witan {
namespace {

// Room for some hundred numbers of EC keys; a signature needs about twenty for a moment.
constexpr std::size_t kOpensslHeapBytes = std::size_t{64} << 10;
constexpr std::size_t kOpensslItemBytes = 32;
constexpr std::size_t kAlignment = 16;

std::atomic<bool> hidden = false;

std::size_t page_bytes() {
  static const auto bytes = static_cast<std::size_t>(::sysconf(_SC_PAGESIZE));
  return bytes;
}

std::size_t round_up(std::size_t size, std::size_t unit) {
  return (size + unit - 1) / unit * unit;
}

// Hidden memory of whole pages at `at`, in the place of what is mapped there; false with errno.
bool map_hidden(void* at, std::size_t bytes) {
#ifdef SYS_memfd_secret
  const int file = static_cast<int>(::syscall(SYS_memfd_secret, 0));
  if (file < 0) return false;
  const bool mapped =
      ::ftruncate(file, static_cast<off_t>(bytes)) == 0 &&
      ::mmap(at, bytes, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_FIXED, file, 0) != MAP_FAILED;
  const int error = errno;
  ::close(file);
  errno = error;
  return mapped;
#else
  (void)at;
  (void)bytes;
  errno = ENOSYS;
  return false;
#endif
}

std::uint8_t* reserve(std::size_t bytes) {
  void* const at = ::mmap(nullptr, bytes, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  return at == MAP_FAILED ? nullptr : static_cast<std::uint8_t*>(at);
}

std::string why_not_hidden() {
  if (errno == ENOSYS) return "the kernel has no memfd_secret, Linux 5.14 or later may have";
  const bool limit = errno == EAGAIN || errno == ENOMEM;
  return std::string("memfd_secret: ") + std::strerror(errno) +
         (limit ? "; raise the limit of locked memory (LimitMEMLOCK=, ulimit -l)" : "");
}

// The beginning of OpenSSL's heap: it says of every address whether it lies in it.
std::uint8_t* openssl_heap() {
  void* const probe = OPENSSL_secure_malloc(kOpensslItemBytes);
  auto* at = static_cast<std::uint8_t*>(probe);
  at -= reinterpret_cast<std::uintptr_t>(probe) % page_bytes();
  while (probe != nullptr && CRYPTO_secure_allocated(at - page_bytes()) == 1) at -= page_bytes();
  OPENSSL_secure_free(probe);
  const bool whole = probe != nullptr && CRYPTO_secure_allocated(at) == 1 &&
                     CRYPTO_secure_allocated(at + kOpensslHeapBytes - 1) == 1 &&
                     CRYPTO_secure_allocated(at + kOpensslHeapBytes) == 0;
  return whole ? at : nullptr;
}

// Puts hidden pages in the place of the heap's, with what it has written about itself.
std::string hide_openssl_heap() {
  if (CRYPTO_secure_malloc_initialized() == 0 &&
      CRYPTO_secure_malloc_init(kOpensslHeapBytes, kOpensslItemBytes) == 0) {
    return "OpenSSL has no secure heap";
  }
  std::uint8_t* const heap = openssl_heap();
  if (heap == nullptr) return "OpenSSL's secure heap was made before, or is another than expected";
  // Made elsewhere and moved over it, so that no failure leaves a hole.
  std::uint8_t* const made = reserve(kOpensslHeapBytes);
  if (made == nullptr || !map_hidden(made, kOpensslHeapBytes)) return why_not_hidden();
  std::memcpy(made, heap, kOpensslHeapBytes);
  if (::mremap(made, kOpensslHeapBytes, kOpensslHeapBytes, MREMAP_MAYMOVE | MREMAP_FIXED, heap) ==
      MAP_FAILED) {
    return why_not_hidden();
  }
  return {};
}

}  // namespace

SecretMemory::SecretMemory(std::size_t size) : size_(size) {
  init_crypto();
  if (!hidden) {
    data_ = static_cast<std::uint8_t*>(sodium_malloc(size));
    if (data_ == nullptr) throw std::bad_alloc();
    std::memset(data_, 0, size);
    return;
  }
  const std::size_t inner = round_up(size, page_bytes());
  mapped_bytes_ = inner + 2 * page_bytes();
  mapped_ = reserve(mapped_bytes_);
  if (mapped_ == nullptr) throw std::bad_alloc();
  if (!map_hidden(mapped_ + page_bytes(), inner)) {
    ::munmap(mapped_, mapped_bytes_);
    throw std::bad_alloc();
  }
  // At the end, so that what runs over meets the guard page.
  data_ = mapped_ + page_bytes() + inner - round_up(size, kAlignment);
}

SecretMemory::SecretMemory(SecretMemory&& other) noexcept
    : data_(std::exchange(other.data_, nullptr)),
      size_(std::exchange(other.size_, 0)),
      mapped_(std::exchange(other.mapped_, nullptr)),
      mapped_bytes_(std::exchange(other.mapped_bytes_, 0)) {}

SecretMemory& SecretMemory::operator=(SecretMemory&& other) noexcept {
  std::swap(data_, other.data_);
  std::swap(size_, other.size_);
  std::swap(mapped_, other.mapped_);
  std::swap(mapped_bytes_, other.mapped_bytes_);
  return *this;
}

void SecretMemory::make_readonly() {
  if (data_ == nullptr) return;
  if (mapped_ == nullptr) {
    sodium_mprotect_readonly(data_);
  } else {
    ::mprotect(mapped_ + page_bytes(), mapped_bytes_ - 2 * page_bytes(), PROT_READ);
  }
}

SecretMemory::~SecretMemory() {
  if (data_ == nullptr) return;
  if (mapped_ == nullptr) {
    sodium_free(data_);
    return;
  }
  ::mprotect(mapped_ + page_bytes(), mapped_bytes_ - 2 * page_bytes(), PROT_READ | PROT_WRITE);
  sodium_memzero(data_, size_);
  ::munmap(mapped_, mapped_bytes_);
}

std::string hide_secret_memory() {
  init_crypto();
  std::uint8_t* const page = reserve(page_bytes());
  if (page == nullptr || !map_hidden(page, page_bytes())) return why_not_hidden();
  ::munmap(page, page_bytes());
  std::string why = hide_openssl_heap();
  if (why.empty()) hidden = true;
  return why;
}

}  // namespace witan
