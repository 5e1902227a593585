#include "ledger/crypto/file_digest.h"

#include <array>
#include <cerrno>
#include <cstdio>
#include <cstring>
#include <memory>

#include <openssl/evp.h>

namespace witan {
namespace {

struct Close {
  void operator()(std::FILE* file) const { static_cast<void>(std::fclose(file)); }
  void operator()(EVP_MD_CTX* context) const { EVP_MD_CTX_free(context); }
};

const EVP_MD* digest_of(std::int64_t hash_algorithm) {
  switch (hash_algorithm) {
    case -16:
      return EVP_sha256();
    case -43:
      return EVP_sha384();
    case -44:
      return EVP_sha512();
    default:
      return nullptr;
  }
}

}  // namespace

Result<Bytes> file_digest(const std::string& path, std::int64_t hash_algorithm) {
  const EVP_MD* digest = digest_of(hash_algorithm);
  if (digest == nullptr) {
    return fail(ErrorCode::kUnsupported,
                "hash algorithm " + std::to_string(hash_algorithm) +
                    ": expected -16 (SHA-256), -43 (SHA-384) or -44 (SHA-512)");
  }
  const std::unique_ptr<std::FILE, Close> file(std::fopen(path.c_str(), "rbe"));
  if (!file) {
    const ErrorCode code = errno == ENOENT ? ErrorCode::kNotFound : ErrorCode::kIo;
    return fail(code, path + ": cannot open: " + std::strerror(errno));
  }
  const std::unique_ptr<EVP_MD_CTX, Close> context(EVP_MD_CTX_new());
  EVP_DigestInit_ex(context.get(), digest, nullptr);
  std::array<std::uint8_t, 65'536> buffer;
  std::size_t count = 0;
  while ((count = std::fread(buffer.data(), 1, buffer.size(), file.get())) > 0) {
    EVP_DigestUpdate(context.get(), buffer.data(), count);
  }
  if (std::ferror(file.get()) != 0) {
    return fail(ErrorCode::kIo, path + ": cannot read: " + std::strerror(errno));
  }
  Bytes out(static_cast<std::size_t>(EVP_MD_get_size(digest)));
  EVP_DigestFinal_ex(context.get(), out.data(), nullptr);
  return out;
}

}  // namespace witan
