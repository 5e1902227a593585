#include "config/registration_policy.h"

#include <limits>
#include <string>
#include <utility>

#include "config/toml_reader.h"

namespace witan {
namespace {

// A policy travels in one statement and is compiled at each start: bounds on its parts keep both
// cheap. The text itself is bounded by the TOML reader.
constexpr std::size_t kIssuersMax = 10'000;
constexpr std::size_t kKeysPerIssuerMax = 64;
constexpr std::size_t kAdminKeysMax = 16;
constexpr std::size_t kPatternsMax = 1'000;
constexpr std::size_t kPatternCharsMax = 1'024;
constexpr std::size_t kAttestedValuesMax = 256;

Result<std::vector<std::string>> bounded_strings(TomlTable& table, std::string_view key,
                                                 std::size_t count_max, std::size_t chars_max) {
  WITAN_ASSIGN(std::vector<std::string> values, table.strings(key));
  if (values.size() > count_max) {
    return fail(table.error(key,
                            "expected at most " + std::to_string(count_max) + " values, found " +
                                std::to_string(values.size()),
                            ErrorCode::kTooLarge));
  }
  for (const std::string& value : values) {
    if (value.empty()) return fail(table.error(key, "found an empty string in it"));
    if (value.size() > chars_max) {
      return fail(table.error(key,
                              "expected at most " + std::to_string(chars_max) +
                                  " bytes a value, found " + std::to_string(value.size()),
                              ErrorCode::kTooLarge));
    }
  }
  return values;
}

// A list that replaces its default only when the key is there, and then may not be empty.
Result<void> read_list(TomlTable& table, std::string_view key, std::vector<std::string>& out) {
  const bool present = table.has(key);
  WITAN_ASSIGN(std::vector<std::string> values,
               bounded_strings(table, key, kPatternsMax, kPatternCharsMax));
  if (!present) return {};
  if (values.empty()) {
    return fail(table.error(key, "expected at least one value, found an empty array"));
  }
  out = std::move(values);
  return {};
}

Result<void> read_accept(TomlTable& accept, RegistrationPolicyConfig& policy) {
  WITAN_TRY(read_list(accept, "algorithms", policy.algorithms));
  WITAN_TRY(read_list(accept, "subjects", policy.subjects));
  WITAN_TRY(read_list(accept, "content_types", policy.content_types));
  WITAN_ASSIGN(const std::optional<std::int64_t> bytes_max,
               accept.integer("max_statement_bytes", 1,
                              static_cast<std::int64_t>(limits::kStatementBytesMax)));
  if (bytes_max) policy.max_statement_bytes = static_cast<std::size_t>(*bytes_max);
  WITAN_ASSIGN(const std::optional<bool> envelope_only, accept.boolean("hash_envelope_only"));
  policy.hash_envelope_only = envelope_only.value_or(false);
  WITAN_ASSIGN(const std::optional<std::string> check_time, accept.string("check_time"));
  if (check_time == "iat") {
    policy.check_time = CheckTime::kIat;
  } else if (check_time && check_time != "none") {
    return fail(
        accept.error("check_time", "expected \"none\" or \"iat\", found \"" + *check_time + "\""));
  }
  return accept.no_other_keys();
}

Result<AttestedServiceRule> read_attested(TomlTable& table) {
  AttestedServiceRule out;
  WITAN_ASSIGN(out.measurements,
               bounded_strings(table, "measurements", kAttestedValuesMax, kPatternCharsMax));
  WITAN_ASSIGN(out.host_data,
               bounded_strings(table, "host_data", kAttestedValuesMax, kPatternCharsMax));
  WITAN_ASSIGN(out.minimum_tcb,
               bounded_strings(table, "minimum_tcb", kAttestedValuesMax, kPatternCharsMax));
  WITAN_ASSIGN(std::optional<std::string> uvm_issuer, table.string("uvm_issuer"));
  WITAN_ASSIGN(std::optional<std::string> uvm_feed, table.string("uvm_feed"));
  WITAN_ASSIGN(const std::optional<std::int64_t> uvm_svn_min,
               table.integer("uvm_svn_min", 0, std::numeric_limits<std::int64_t>::max()));
  WITAN_ASSIGN(const std::optional<bool> without_subject, table.boolean("without_subject"));
  out.uvm_issuer = std::move(uvm_issuer).value_or("");
  out.uvm_feed = std::move(uvm_feed).value_or("");
  out.uvm_svn_min = static_cast<std::uint64_t>(uvm_svn_min.value_or(0));
  out.without_subject = without_subject.value_or(false);
  WITAN_TRY(table.no_other_keys());
  return out;
}

Result<IssuerRule> read_issuer(TomlTable& table) {
  IssuerRule issuer;
  WITAN_ASSIGN(issuer.name, table.required_string("name"));
  if (issuer.name.empty() || issuer.name.size() > limits::kIssuerCharsMax) {
    return fail(table.error("name", "expected 1 to " + std::to_string(limits::kIssuerCharsMax) +
                                        " bytes, found " + std::to_string(issuer.name.size())));
  }
  const std::size_t pem_max = limits::kPemFileBytesMax;
  WITAN_ASSIGN(issuer.keys, bounded_strings(table, "keys", kKeysPerIssuerMax, pem_max));
  WITAN_ASSIGN(issuer.anchors, bounded_strings(table, "anchors", kKeysPerIssuerMax, pem_max));
  WITAN_ASSIGN(issuer.subjects, bounded_strings(table, "subjects", kPatternsMax, kPatternCharsMax));
  if (issuer.subjects.empty() && table.has("subjects")) {
    return fail(table.error("subjects", "expected at least one value, found an empty array"));
  }
  WITAN_ASSIGN(std::optional<TomlTable> attested, table.table("attested"));
  if (attested) {
    WITAN_ASSIGN(issuer.attested, read_attested(*attested));
  }
  WITAN_TRY(table.no_other_keys());
  return issuer;
}

void write_string(std::string& out, std::string_view value) {
  static constexpr char kHex[] = "0123456789abcdef";
  // PEM reads best as a multi-line string, where a newline right after the quotes is dropped.
  const bool multi_line = value.find('\n') != std::string_view::npos;
  out += multi_line ? "\"\"\"\n" : "\"";
  for (const char c : value) {
    const auto byte = static_cast<unsigned char>(c);
    if (c == '"' || c == '\\') {
      out += '\\';
      out += c;
    } else if (c == '\n') {
      out += '\n';
    } else if (byte < 0x20 || byte == 0x7f) {
      out += "\\u00";
      out += kHex[byte >> 4];
      out += kHex[byte & 15];
    } else {
      out += c;
    }
  }
  out += multi_line ? "\"\"\"" : "\"";
}

void write_list(std::string& out, std::string_view key, const std::vector<std::string>& values) {
  out += key;
  out += " = [";
  for (std::size_t i = 0; i < values.size(); ++i) {
    if (i > 0) out += ", ";
    write_string(out, values[i]);
  }
  out += "]\n";
}

void write_attested(std::string& out, const AttestedServiceRule& rule) {
  out += "[issuer.attested]\n";
  if (!rule.measurements.empty()) write_list(out, "measurements", rule.measurements);
  if (!rule.host_data.empty()) write_list(out, "host_data", rule.host_data);
  if (!rule.minimum_tcb.empty()) write_list(out, "minimum_tcb", rule.minimum_tcb);
  out += "uvm_issuer = ";
  write_string(out, rule.uvm_issuer);
  out += "\nuvm_feed = ";
  write_string(out, rule.uvm_feed);
  out += "\nuvm_svn_min = " + std::to_string(rule.uvm_svn_min) + "\n";
  out += std::string("without_subject = ") + (rule.without_subject ? "true\n" : "false\n");
}

}  // namespace

Result<RegistrationPolicyConfig> parse_registration_policy(std::string_view text,
                                                           std::string_view file_name) {
  WITAN_ASSIGN(TomlTable root, TomlTable::parse(text, file_name));
  WITAN_TRY(root.required_integer("version", 1, 1));
  RegistrationPolicyConfig policy;

  WITAN_ASSIGN(TomlTable admin, root.required_table("admin"));
  WITAN_ASSIGN(policy.admin_keys,
               bounded_strings(admin, "keys", kAdminKeysMax, limits::kPemFileBytesMax));
  if (policy.admin_keys.empty()) {
    return fail(admin.error("keys", "expected at least one PEM public key, found none"));
  }
  WITAN_TRY(admin.no_other_keys());

  WITAN_ASSIGN(std::optional<TomlTable> accept, root.table("accept"));
  if (accept) WITAN_TRY(read_accept(*accept, policy));

  WITAN_ASSIGN(std::vector<TomlTable> issuers, root.tables("issuer"));
  if (issuers.size() > kIssuersMax) {
    return fail(root.error("issuer",
                           "expected at most " + std::to_string(kIssuersMax) + " tables, found " +
                               std::to_string(issuers.size()),
                           ErrorCode::kTooLarge));
  }
  for (TomlTable& table : issuers) {
    WITAN_ASSIGN(IssuerRule issuer, read_issuer(table));
    policy.issuers.push_back(std::move(issuer));
  }
  WITAN_TRY(root.no_other_keys());
  return policy;
}

std::string encode(const RegistrationPolicyConfig& policy) {
  std::string out = "version = 1\n\n[admin]\n";
  write_list(out, "keys", policy.admin_keys);
  out += "\n[accept]\n";
  write_list(out, "algorithms", policy.algorithms);
  out += "max_statement_bytes = " + std::to_string(policy.max_statement_bytes) + "\n";
  out += std::string("hash_envelope_only = ") + (policy.hash_envelope_only ? "true\n" : "false\n");
  write_list(out, "subjects", policy.subjects);
  write_list(out, "content_types", policy.content_types);
  out += std::string("check_time = ") +
         (policy.check_time == CheckTime::kIat ? "\"iat\"\n" : "\"none\"\n");
  for (const IssuerRule& issuer : policy.issuers) {
    out += "\n[[issuer]]\nname = ";
    write_string(out, issuer.name);
    out += '\n';
    if (!issuer.keys.empty()) write_list(out, "keys", issuer.keys);
    if (!issuer.anchors.empty()) write_list(out, "anchors", issuer.anchors);
    if (!issuer.subjects.empty()) write_list(out, "subjects", issuer.subjects);
    if (issuer.attested) write_attested(out, *issuer.attested);
  }
  return out;
}

bool matches_pattern(std::string_view pattern, std::string_view text) {
  std::size_t p = 0;
  std::size_t t = 0;
  // Where to try again: the last star seen, and the text position it has swallowed up to.
  std::size_t star = std::string_view::npos;
  std::size_t resume = 0;
  while (t < text.size()) {
    if (p < pattern.size() && pattern[p] == '*') {
      star = p++;
      resume = t;
    } else if (p < pattern.size() && pattern[p] == text[t]) {
      ++p;
      ++t;
    } else if (star != std::string_view::npos) {
      p = star + 1;
      t = ++resume;
    } else {
      return false;
    }
  }
  while (p < pattern.size() && pattern[p] == '*') ++p;
  return p == pattern.size();
}

}  // namespace witan
