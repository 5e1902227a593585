// Who runs a policy's witnesses.
#include <algorithm>
#include <array>
#include <map>
#include <utility>

#include "witness/policy_strength.h"

namespace witan {
namespace {

constexpr std::string_view kBlanks = " \t";

std::string_view trim_blanks(std::string_view text) {
  const std::size_t start = text.find_first_not_of(kBlanks);
  if (start == std::string_view::npos) return {};
  return text.substr(start, text.find_last_not_of(kBlanks) - start + 1);
}

std::string_view cut_word(std::string_view& text) {
  text = trim_blanks(text);
  const std::size_t end = std::min(text.find_first_of(kBlanks), text.size());
  const std::string_view word = text.substr(0, end);
  text.remove_prefix(end);
  return word;
}

// The names in "# org: NAME" comments, by the name of the witness that follows.
std::map<std::string, std::string, std::less<>> commented(std::string_view text) {
  constexpr std::string_view kOrg = "org:";
  std::map<std::string, std::string, std::less<>> out;
  std::string_view org;
  while (!text.empty()) {
    const std::size_t end = std::min(text.find('\n'), text.size());
    std::string_view line = trim_blanks(text.substr(0, end));
    text.remove_prefix(std::min(end + 1, text.size()));
    if (line.empty()) continue;
    if (line.front() == '#') {
      const std::string_view comment = trim_blanks(line.substr(1));
      org =
          comment.starts_with(kOrg) ? trim_blanks(comment.substr(kOrg.size())) : std::string_view();
      continue;
    }
    if (cut_word(line) == "witness" && !org.empty()) out.emplace(cut_word(line), org);
    org = {};
  }
  return out;
}

bool is_digits(std::string_view text) {
  return !text.empty() && text.find_first_not_of("0123456789") == std::string_view::npos;
}

// The host of "host[:port][/path]"; empty when it has no dot, and is no domain then.
std::string host_in(std::string_view text) {
  if (text.starts_with('[')) return std::string(text.substr(0, text.find(']') + 1));
  text = text.substr(0, text.find_first_of(":/?#"));
  if (text.find('.') == std::string_view::npos) return "";
  std::string host(text);
  std::transform(host.begin(), host.end(), host.begin(),
                 [](char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c; });
  while (host.ends_with('.')) host.pop_back();
  return host;
}

std::string registrable(const std::string& host) {
  std::vector<std::string_view> labels;
  for (std::string_view rest = host; !rest.empty();) {
    const std::size_t end = std::min(rest.find('.'), rest.size());
    labels.push_back(rest.substr(0, end));
    rest.remove_prefix(std::min(end + 1, rest.size()));
  }
  if (host.starts_with('[') || labels.size() < 3 || is_digits(labels.back())) return host;
  // Below a country, names such as co.uk are shared by many. When in doubt, one organisation: two
  // would make a policy look stronger than it is.
  constexpr std::array<std::string_view, 20> kShared = {
      "ac",  "asn", "co", "com", "edu", "gob", "gouv", "gov", "govt", "id",
      "ltd", "mil", "ne", "net", "nhs", "nom", "or",   "org", "plc",  "sch"};
  constexpr std::size_t kCountry = 2;
  const bool country = labels.back().size() == kCountry;
  const bool three = country && std::find(kShared.begin(), kShared.end(),
                                          labels[labels.size() - 2]) != kShared.end();
  const std::string_view first = labels[labels.size() - (three ? 3 : 2)];
  return host.substr(static_cast<std::size_t>(first.data() - host.data()));
}

std::string domain_of(const TlogPolicy::Witness& witness) {
  std::string host = host_in(witness.key.name);
  if (const std::size_t scheme = witness.url.find("://");
      host.empty() && scheme != std::string::npos) {
    host = host_in(std::string_view(witness.url).substr(scheme + 3));
  }
  return host.empty() ? witness.name : registrable(host);
}

}  // namespace

std::vector<std::string> organisations_of(const TlogPolicy& policy, std::string_view text) {
  const auto comments = commented(text);
  // Keys of one name are one cosigner's, whatever stands beside the others of them.
  std::map<std::string, std::string> by_key_name;
  for (const TlogPolicy::Witness& witness : policy.witnesses) {
    const auto found = comments.find(witness.name);
    if (found != comments.end()) by_key_name.emplace(witness.key.name, found->second);
  }
  for (const TlogPolicy::Witness& witness : policy.witnesses) {
    by_key_name.emplace(witness.key.name, domain_of(witness));
  }
  std::vector<std::string> out;
  for (const TlogPolicy::Witness& witness : policy.witnesses) {
    out.push_back(by_key_name.at(witness.key.name));
  }
  return out;
}

}  // namespace witan
