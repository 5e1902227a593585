#include "ledger/crypto/sha256.h"

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <new>
#include <stdexcept>
#include <string>

#include <openssl/evp.h>

namespace witan {
namespace {

constexpr std::uint8_t kLeafPrefix = 0;
constexpr std::uint8_t kNodePrefix = 1;
// Entries up to this length are hashed from one stack buffer: one call instead of two.
constexpr std::size_t kShortEntryBytes = 64;

[[noreturn]] void throw_failed(const char* call) {
  throw std::runtime_error(std::string("OpenSSL's SHA-256 failed in ") + call);
}

// Never freed: threads may hash until the very end of the process.
const EVP_MD* fetched_digest() {
  static const EVP_MD* const digest = [] {
    const EVP_MD* fetched = EVP_MD_fetch(nullptr, "SHA256", nullptr);
    if (fetched == nullptr) throw_failed("EVP_MD_fetch");
    return fetched;
  }();
  return digest;
}

struct FreeContext {
  void operator()(EVP_MD_CTX* context) const { EVP_MD_CTX_free(context); }
};

// The thread's context, bound to the digest: later starts name none and skip the look-up.
EVP_MD_CTX* thread_context() {
  thread_local const std::unique_ptr<EVP_MD_CTX, FreeContext> context = [] {
    std::unique_ptr<EVP_MD_CTX, FreeContext> made(EVP_MD_CTX_new());
    if (!made) throw std::bad_alloc();
    if (EVP_DigestInit_ex(made.get(), fetched_digest(), nullptr) != 1) {
      throw_failed("EVP_DigestInit_ex");
    }
    return made;
  }();
  return context.get();
}

EVP_MD_CTX* start() {
  EVP_MD_CTX* const context = thread_context();
  if (EVP_DigestInit_ex(context, nullptr, nullptr) != 1) throw_failed("EVP_DigestInit_ex");
  return context;
}

void update(EVP_MD_CTX* context, const std::uint8_t* data, std::size_t size) {
  if (EVP_DigestUpdate(context, data, size) != 1) throw_failed("EVP_DigestUpdate");
}

Hash32 finish(EVP_MD_CTX* context) {
  Hash32 hash;
  if (EVP_DigestFinal_ex(context, hash.data(), nullptr) != 1) throw_failed("EVP_DigestFinal_ex");
  return hash;
}

}  // namespace

Hash32 sha256(BytesView data) {
  EVP_MD_CTX* const context = start();
  update(context, data.data(), data.size());
  return finish(context);
}

Hash32 sha256(std::initializer_list<BytesView> parts) {
  EVP_MD_CTX* const context = start();
  for (const BytesView part : parts) update(context, part.data(), part.size());
  return finish(context);
}

Hash32 leaf_hash(BytesView entry) {
  EVP_MD_CTX* const context = start();
  if (entry.size() <= kShortEntryBytes) {
    std::array<std::uint8_t, 1 + kShortEntryBytes> buffer;
    buffer[0] = kLeafPrefix;
    std::copy(entry.begin(), entry.end(), buffer.begin() + 1);
    update(context, buffer.data(), 1 + entry.size());
  } else {
    update(context, &kLeafPrefix, 1);
    update(context, entry.data(), entry.size());
  }
  return finish(context);
}

Hash32 node_hash(const Hash32& left, const Hash32& right) {
  std::array<std::uint8_t, 65> buffer;
  buffer[0] = kNodePrefix;
  std::copy(left.begin(), left.end(), buffer.begin() + 1);
  std::copy(right.begin(), right.end(), buffer.begin() + 33);
  EVP_MD_CTX* const context = start();
  update(context, buffer.data(), buffer.size());
  return finish(context);
}

const Hash32& empty_root() {
  static const Hash32 root = sha256(BytesView());
  return root;
}

}  // namespace witan
