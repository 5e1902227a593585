#include "node/witness/own_heads.h"

#include <algorithm>
#include <utility>

#include "config/limits.h"
#include "ledger/crypto/sha256.h"
#include "ledger/encoding.h"
#include "ledger/format/checkpoint.h"

namespace witan {
namespace {

Result<std::string> get_note(http::Client& client, const std::string& target) {
  WITAN_ASSIGN(const auto response, client.get(target));
  if (response.status == 200) return std::string(as_text(response.body));
  return fail(response.status == 404 ? ErrorCode::kNotFound : ErrorCode::kUnavailable,
              "expected HTTP status 200, found " + std::to_string(response.status));
}

http::ClientOptions note_options(const std::optional<std::string>& ca_file,
                                 std::chrono::milliseconds deadline) {
  http::ClientOptions options;
  options.deadline = deadline;
  options.body_bytes_max = limits::kNoteBytesMax;
  options.ca_file = ca_file;
  return options;
}

}  // namespace

std::optional<OwnHead> own_head(std::string_view text, std::span<const VerifierKey> keys) {
  const auto note = Note::parse(text);
  if (!note) return std::nullopt;
  const auto checkpoint = Checkpoint::parse(note->text);
  if (!checkpoint) return std::nullopt;
  const bool own =
      std::any_of(note->signatures.begin(), note->signatures.end(), [&](const NoteSignature& line) {
        return std::any_of(keys.begin(), keys.end(), [&](const VerifierKey& key) {
          return line.name == key.name && line.id == key.id &&
                 check_signature(*note, line, key).status == SignatureStatus::kValid;
        });
      });
  if (!own) return std::nullopt;
  return OwnHead{checkpoint->origin, {checkpoint->size, checkpoint->root}};
}

Result<HeadSource> HeadSource::make(std::string_view url, const std::optional<std::string>& ca_file,
                                    std::chrono::milliseconds deadline) {
  std::string prefix(url);
  while (!prefix.empty() && prefix.back() == '/') prefix.pop_back();
  WITAN_ASSIGN(auto client, http::Client::make(prefix, note_options(ca_file, deadline)));
  return HeadSource(std::move(prefix), std::move(client));
}

Result<std::string> HeadSource::fetch(std::string_view origin) {
  return get_note(*client_, "/" + hex_encode(sha256(as_bytes(origin))) + "/checkpoint");
}

Result<std::string> fetch_note(const std::string& url, const std::optional<std::string>& ca_file,
                               std::chrono::milliseconds deadline) {
  // The client takes the part up to the last '/' and the rest by themselves.
  const std::size_t scheme = url.find("://");
  const std::size_t slash = url.rfind('/');
  const bool has_path = scheme != std::string::npos && slash > scheme + 2;
  WITAN_ASSIGN(const auto client, http::Client::make(has_path ? url.substr(0, slash) : url,
                                                     note_options(ca_file, deadline)));
  return get_note(*client, has_path ? url.substr(slash) : "/");
}

}  // namespace witan
