#pragma once
// Where others show what this witness has cosigned: the log itself, mirrors, and whoever else keeps
// cosigned checkpoints under the witnesses' monitoring paths (C2SP tlog-witness).

#include <chrono>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "config/result.h"
#include "ledger/format/note.h"
#include "node/http/client.h"
#include "witness/cosigning.h"

namespace witan {

// The head of a note that one of these keys has cosigned; nullopt when no line of theirs verifies,
// or it is no checkpoint.
struct OwnHead {
  std::string origin;
  CosignMark mark;
};
[[nodiscard]] std::optional<OwnHead> own_head(std::string_view text,
                                              std::span<const VerifierKey> keys);

// A prefix under which checkpoints are at `<SHA-256 of the origin in hex>/checkpoint`. Used by one
// thread.
class HeadSource {
 public:
  // kUsage when it is no http(s) URL.
  static Result<HeadSource> make(std::string_view url, const std::optional<std::string>& ca_file,
                                 std::chrono::milliseconds deadline);
  // kNotFound when it has none; else as http::Client, or kUnavailable for another status.
  Result<std::string> fetch(std::string_view origin);
  [[nodiscard]] const std::string& url() const { return url_; }

 private:
  HeadSource(std::string url, std::unique_ptr<http::Client> client)
      : url_(std::move(url)), client_(std::move(client)) {}
  std::string url_;
  std::unique_ptr<http::Client> client_;
};

// What stands at one URL, as it is: at most limits::kNoteBytesMax.
[[nodiscard]] Result<std::string> fetch_note(const std::string& url,
                                             const std::optional<std::string>& ca_file,
                                             std::chrono::milliseconds deadline);

}  // namespace witan
