#include "config/trust_file.h"

#include <set>
#include <utility>

#include "config/file.h"
#include "config/limits.h"
#include "config/toml_reader.h"

namespace witan {
namespace {

constexpr std::string_view kBegin = "-----BEGIN ";
constexpr std::string_view kPublicKey = "-----BEGIN PUBLIC KEY-----";
constexpr std::string_view kCertificate = "-----BEGIN CERTIFICATE-----";

bool contains(std::string_view text, std::string_view part) {
  return text.find(part) != std::string_view::npos;
}

enum class PemKind { kKeyOrCertificate, kCertificateOnly };

// The PEM itself is parsed by who uses it; here only mix-ups are caught where the line is known.
Result<void> check_pem(const TomlTable& table, std::string_view key, std::string_view pem,
                       std::string_view source, PemKind kind) {
  const auto bad = [&](std::string_view what) {
    return fail(table.error(key, std::string(source) + ": " + std::string(what)));
  };
  if (contains(pem, "PRIVATE KEY-----")) {
    return bad("holds a private key; a trust file takes public keys and certificates only");
  }
  if (contains(pem, kCertificate)) return {};
  if (kind == PemKind::kCertificateOnly)
    return bad("expected \"" + std::string(kCertificate) + "\"");
  if (!contains(pem, kPublicKey)) {
    return bad("expected \"" + std::string(kPublicKey) + "\" or \"" + std::string(kCertificate) +
               "\"");
  }
  return {};
}

Result<std::string> read_named(const TomlTable& table, std::string_view key,
                               const std::string& path, std::size_t max_bytes,
                               const TrustFile::Reader& reader) {
  if (path.empty() || contains(path, std::string_view("\0", 1))) {
    return fail(table.error(key, "expected a path, found an empty text or a zero byte"));
  }
  auto content = reader(path, max_bytes);
  if (!content) return fail(table.error(key, content.error().message, content.error().code));
  return content;
}

Result<std::vector<std::string>> read_pems(TomlTable& table, std::string_view key, PemKind kind,
                                           const TrustFile::Reader& reader) {
  WITAN_ASSIGN(std::vector<std::string> values, table.strings(key));
  if (values.size() > limits::kTrustKeysMax) {
    return fail(table.error(key,
                            "expected at most " + std::to_string(limits::kTrustKeysMax) +
                                ", found " + std::to_string(values.size()),
                            ErrorCode::kTooLarge));
  }
  std::vector<std::string> out;
  for (std::string& value : values) {
    if (contains(value, kBegin)) {
      WITAN_TRY(check_pem(table, key, value, "inline PEM", kind));
      out.push_back(std::move(value));
      continue;
    }
    WITAN_ASSIGN(std::string pem, read_named(table, key, value, limits::kPemFileBytesMax, reader));
    WITAN_TRY(check_pem(table, key, pem, value, kind));
    out.push_back(std::move(pem));
  }
  return out;
}

Result<void> read_tlog_policy(TomlTable& log, std::string_view file_name,
                              const TrustFile::Reader& reader, TrustFile& out) {
  WITAN_ASSIGN(out.tlog_policy, log.string("tlog_policy"));
  WITAN_ASSIGN(const std::optional<std::string> path, log.string("tlog_policy_file"));
  if (out.tlog_policy && path) {
    return fail(log.error("tlog_policy_file", "expected this or tlog_policy, found both"));
  }
  if (out.tlog_policy) out.tlog_policy_source = std::string(file_name) + ": log.tlog_policy";
  if (path) {
    WITAN_ASSIGN(out.tlog_policy,
                 read_named(log, "tlog_policy_file", *path, limits::kTlogPolicyBytesMax, reader));
    out.tlog_policy_source = *path;
  }
  return {};
}

Result<void> read_log(TomlTable& log, std::string_view file_name, const TrustFile::Reader& reader,
                      TrustFile& out) {
  WITAN_ASSIGN(out.origin, log.string("origin"));
  if (out.origin && (out.origin->empty() || contains(*out.origin, "\n"))) {
    return fail(log.error("origin", "expected one line that is not empty"));
  }
  WITAN_TRY(read_tlog_policy(log, file_name, reader, out));
  WITAN_ASSIGN(out.receipt_keys,
               read_pems(log, "receipt_keys", PemKind::kKeyOrCertificate, reader));
  WITAN_ASSIGN(const std::optional<std::string> grade, log.string("lowest_grade"));
  if (grade) {
    out.lowest_grade = trust_grade_from_name(*grade);
    if (!out.lowest_grade) {
      return fail(
          log.error("lowest_grade", "expected sim, process, tpm or tee, found \"" + *grade + "\""));
    }
  }
  WITAN_TRY(log.no_other_keys());
  if (!out.tlog_policy && out.receipt_keys.empty()) {
    return fail(log.error("",
                          "expected receipt_keys, tlog_policy or tlog_policy_file: without "
                          "them nothing of the log can be verified"));
  }
  return {};
}

Result<TrustFile::Issuer> read_issuer(TomlTable& table, const TrustFile::Reader& reader) {
  TrustFile::Issuer out;
  WITAN_ASSIGN(out.name, table.required_string("name"));
  if (out.name.empty()) return fail(table.error("name", "expected a name, found an empty text"));
  const std::size_t star = out.name.find('*');
  if (star != std::string::npos && star + 1 != out.name.size()) {
    return fail(
        table.error("name", "expected '*' only as the last character, found \"" + out.name + "\""));
  }
  WITAN_ASSIGN(out.keys, read_pems(table, "keys", PemKind::kKeyOrCertificate, reader));
  WITAN_ASSIGN(out.anchors, read_pems(table, "anchors", PemKind::kCertificateOnly, reader));
  WITAN_TRY(table.no_other_keys());
  if (out.keys.empty() && out.anchors.empty()) {
    return fail(table.error("", "expected keys or anchors, found neither"));
  }
  return out;
}

}  // namespace

std::string_view to_string(TrustGrade grade) {
  switch (grade) {
    case TrustGrade::kSim:
      return "sim";
    case TrustGrade::kProcess:
      return "process";
    case TrustGrade::kTpm:
      return "tpm";
    case TrustGrade::kTee:
      return "tee";
  }
  return "unknown";
}

std::optional<TrustGrade> trust_grade_from_name(std::string_view name) {
  for (const TrustGrade grade :
       {TrustGrade::kSim, TrustGrade::kProcess, TrustGrade::kTpm, TrustGrade::kTee}) {
    if (to_string(grade) == name) return grade;
  }
  return std::nullopt;
}

bool TrustFile::Issuer::matches(std::string_view issuer) const {
  if (name.empty() || name.back() != '*') return issuer == name;
  const std::string_view prefix = std::string_view(name).substr(0, name.size() - 1);
  return issuer.substr(0, prefix.size()) == prefix;
}

const TrustFile::Issuer* TrustFile::find_issuer(std::string_view issuer) const {
  const Issuer* best = nullptr;
  for (const Issuer& candidate : issuers) {
    if (!candidate.matches(issuer)) continue;
    // A statement cannot claim to be a pattern: an issuer "x*" matches the entry "x*" as its
    // prefix.
    if (candidate.name.back() != '*') return &candidate;
    if (best == nullptr || candidate.name.size() > best->name.size()) best = &candidate;
  }
  return best;
}

Result<TrustFile> TrustFile::parse(std::string_view text, std::string_view file_name,
                                   const Reader& reader) {
  WITAN_ASSIGN(TomlTable root, TomlTable::parse(text, file_name));
  TrustFile out;
  WITAN_ASSIGN(TomlTable log, root.required_table("log"));
  WITAN_ASSIGN(std::vector<TomlTable> issuers, root.tables("issuer"));
  WITAN_TRY(root.no_other_keys());
  WITAN_TRY(read_log(log, file_name, reader, out));
  if (issuers.size() > limits::kTrustIssuersMax) {
    return fail(root.error("issuer",
                           "expected at most " + std::to_string(limits::kTrustIssuersMax) +
                               ", found " + std::to_string(issuers.size()),
                           ErrorCode::kTooLarge));
  }
  std::set<std::string> names;
  for (TomlTable& table : issuers) {
    WITAN_ASSIGN(Issuer issuer, read_issuer(table, reader));
    if (!names.insert(issuer.name).second) {
      return fail(table.error("name", "the issuer \"" + issuer.name + "\" again"));
    }
    out.issuers.push_back(std::move(issuer));
  }
  return out;
}

Result<TrustFile> TrustFile::load(const std::string& path) {
  WITAN_ASSIGN(const std::string text, read_text_file(path, limits::kConfigFileBytesMax));
  const std::size_t slash = path.rfind('/');
  const std::string folder = slash == std::string::npos ? "" : path.substr(0, slash + 1);
  return parse(text, path, [&folder](const std::string& name, std::size_t max_bytes) {
    return read_text_file(name.front() == '/' ? name : folder + name, max_bytes);
  });
}

}  // namespace witan
