#include "ledger/attestation/chain.h"

#include <algorithm>
#include <string>
#include <utility>

#include "config/limits.h"
#include "ledger/crypto/sha256.h"
#include "ledger/crypto/x509_extension.h"

namespace witan {
namespace {

bool looks_like_pem(BytesView file) {
  return as_text(file).find("-----BEGIN ") != std::string_view::npos;
}

Result<std::vector<Certificate>> read_file_certificates(BytesView file) {
  if (looks_like_pem(file)) return Certificate::from_pem(as_text(file));
  WITAN_ASSIGN(Certificate certificate, Certificate::from_der(file));
  return std::vector<Certificate>{std::move(certificate)};
}

}  // namespace

Result<std::vector<Certificate>> read_certificates(std::span<const BytesView> files) {
  std::vector<Certificate> out;
  for (std::size_t i = 0; i < files.size(); ++i) {
    auto found = read_file_certificates(files[i]);
    if (!found) return fail(found.error().within("certificate file " + std::to_string(i + 1)));
    for (Certificate& certificate : *found) {
      if (std::find(out.begin(), out.end(), certificate) != out.end()) continue;
      if (out.size() == limits::kCertificatesMax) {
        return fail(ErrorCode::kTooLarge, "more than " + std::to_string(limits::kCertificatesMax) +
                                              " certificates with one piece of evidence");
      }
      out.push_back(std::move(certificate));
    }
  }
  return out;
}

Result<std::size_t> verify_pinned_chain(const Certificate& leaf,
                                        std::span<const Certificate> others,
                                        std::span<const PinnedRoot> roots,
                                        std::optional<std::int64_t> time_s) {
  std::vector<Certificate> chain{leaf};
  for (const Certificate& other : others) {
    if (!(other == leaf)) chain.push_back(other);
  }
  std::optional<Error> last;
  for (const Certificate& other : others) {
    const Hash32 key = sha256(other.public_key().spki());
    const auto root = std::find_if(roots.begin(), roots.end(), [&](const PinnedRoot& pinned) {
      return pinned.spki_sha256 == key;
    });
    if (root == roots.end()) continue;
    if (!signed_by_itself(other)) {
      last = Error{ErrorCode::kBadIdentity, std::string(root->name) +
                                                ": the certificate with its key is not signed "
                                                "by it"};
      continue;
    }
    auto verified = verify_chain(chain, std::span(&other, 1), {.time_s = time_s});
    if (verified) return static_cast<std::size_t>(root - roots.begin());
    last = verified.error().within(root->name);
  }
  if (last) return fail(*std::move(last));
  std::string names;
  for (const PinnedRoot& root : roots)
    names += (names.empty() ? "" : ", ") + std::string(root.name);
  return fail(ErrorCode::kBadIdentity, "certificate chain: expected a root of " + names +
                                           ", found none among " + std::to_string(others.size()) +
                                           " certificates");
}

}  // namespace witan
