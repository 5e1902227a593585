#pragma once
// Memory for keys: locked, not dumped, between guard pages, wiped when it goes. It is libsodium's,
// until hide_secret_memory() turns to memfd_secret, whose pages the kernel takes out of its own
// map: not even root reads them through /proc, ptrace or process_vm_readv.

#include <cstddef>
#include <cstdint>
#include <string>

namespace witan {

// Owns its memory; zeroes at first. Throws std::bad_alloc when there is none.
class SecretMemory {
 public:
  SecretMemory() = default;
  explicit SecretMemory(std::size_t size);
  SecretMemory(SecretMemory&& other) noexcept;
  SecretMemory& operator=(SecretMemory&& other) noexcept;
  SecretMemory(const SecretMemory&) = delete;
  SecretMemory& operator=(const SecretMemory&) = delete;
  ~SecretMemory();

  [[nodiscard]] std::uint8_t* data() { return data_; }
  [[nodiscard]] const std::uint8_t* data() const { return data_; }
  [[nodiscard]] std::size_t size() const { return size_; }
  // A later write ends the process.
  void make_readonly();

 private:
  std::uint8_t* data_ = nullptr;
  std::size_t size_ = 0;
  // Of memfd_secret: everything that is mapped, guard pages included. Otherwise libsodium's.
  std::uint8_t* mapped_ = nullptr;
  std::size_t mapped_bytes_ = 0;
};

// From now on SecretMemory is hidden, and so is OpenSSL's secure heap, where it keeps the secret
// numbers of EC keys that are made or read later. Not hidden are: what OpenSSL computes with on the
// stack, its expanded ML-DSA keys, and the encoded forms of keys while they are sealed or opened,
// of which OpenSSL's encoder leaves copies of EC keys in ordinary memory. To be called once, by a
// process with one thread, before it has a key. Empty, or one line that says why not; then
// everything is as before, but for OpenSSL's secure heap, which may be in use.
[[nodiscard]] std::string hide_secret_memory();

}  // namespace witan
