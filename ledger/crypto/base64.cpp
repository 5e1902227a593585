#include "ledger/crypto/base64.h"

#include <openssl/evp.h>

namespace witan {

std::string fast_base64_encode(BytesView bytes) {
  std::string text(4 * ((bytes.size() + 2) / 3) + 1, '\0');
  fast_base64_encode(bytes, text);
  text.pop_back();  // the terminator
  return text;
}

void fast_base64_encode(BytesView bytes, std::span<char> out) {
  EVP_EncodeBlock(reinterpret_cast<unsigned char*>(out.data()), bytes.data(),
                  static_cast<int>(bytes.size()));
}

bool fast_base64_decode(std::string_view text, std::span<std::uint8_t> out, std::size_t& size) {
  if (text.size() % 4 != 0 || text.size() > kFastBase64BytesMax) return false;
  const int got = EVP_DecodeBlock(out.data(), reinterpret_cast<const unsigned char*>(text.data()),
                                  static_cast<int>(text.size()));
  const std::size_t padding = text.ends_with("==") ? 2 : text.ends_with('=') ? 1 : 0;
  if (got < 0 || static_cast<std::size_t>(got) < padding) return false;
  size = static_cast<std::size_t>(got) - padding;
  return true;
}

}  // namespace witan
