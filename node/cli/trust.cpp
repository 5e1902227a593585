#include "node/cli/trust.h"

#include <utility>

#include "config/file.h"
#include "config/limits.h"
#include "config/trust_file.h"
#include "witness/tlog_policy.h"

namespace witan::cli {
namespace {

std::string trimmed(std::string text) {
  while (!text.empty() && (text.back() == '\n' || text.back() == '\r')) text.pop_back();
  return text;
}

// A vkey, or a file with a vkey or a PEM public key.
Result<void> add_log_key(const std::string& given, VerifyTrust& trust) {
  auto vkey = VerifierKey::parse(given);
  if (!vkey) {
    const auto content = read_text_file(given, limits::kPemFileBytesMax);
    if (!content) {
      if (given.find('+') == std::string::npos || content.error().code != ErrorCode::kNotFound) {
        return fail(content.error());
      }
      return fail(own_file(vkey.error(), "--log-key"));
    }
    if (content->find("-----BEGIN ") != std::string::npos) {
      auto key = PublicKey::from_pem(*content);
      if (!key) return fail(own_file(key.error(), given));
      trust.receipt_keys.push_back(*std::move(key));
      return {};
    }
    vkey = VerifierKey::parse(trimmed(*content));
    if (!vkey) return fail(own_file(vkey.error().within("neither PEM nor vkey"), given));
  }
  trust.log_keys.push_back(*std::move(vkey));
  return {};
}

// Which --policy does not take, and is easily given for it.
bool is_tlog_policy(const std::string& file) {
  const auto text = read_text_file(file, limits::kTlogPolicyBytesMax);
  return text && TlogPolicy::parse(*text);
}

}  // namespace

Error own_file(const Error& error, const std::string& file) {
  const bool unreadable = error.code == ErrorCode::kNotFound || error.code == ErrorCode::kIo;
  Error out = error.message.find(file) == std::string::npos ? error.within(file) : error;
  if (!unreadable) out.code = ErrorCode::kUsage;
  return out;
}

Result<VerifyTrust> read_trust(const std::string& policy,
                               const std::vector<std::string>& log_keys) {
  VerifyTrust trust;
  if (!policy.empty()) {
    const auto file = TrustFile::load(policy);
    if (!file && is_tlog_policy(policy)) {
      return fail(ErrorCode::kUsage,
                  policy + ": is a tlog-policy; expected a trust file that names it: [log], " +
                      "tlog_policy_file = \"" + policy + "\"");
    }
    if (!file) return fail(own_file(file.error(), policy));
    auto compiled = VerifyTrust::from(*file);
    if (!compiled) return fail(own_file(compiled.error(), policy));
    trust = *std::move(compiled);
  }
  for (const std::string& key : log_keys) WITAN_TRY(add_log_key(key, trust));
  return trust;
}

}  // namespace witan::cli
