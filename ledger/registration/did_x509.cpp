#include "ledger/registration/did_x509.h"

#include <algorithm>
#include <array>
#include <set>

#include "ledger/encoding.h"

namespace witan {
namespace {

tl::unexpected<Error> bad_did(std::string message) {
  return fail(ErrorCode::kMalformed, "did:x509: " + std::move(message));
}

std::vector<std::string_view> split(std::string_view text, std::string_view separator) {
  std::vector<std::string_view> out;
  while (true) {
    const std::size_t at = text.find(separator);
    out.push_back(text.substr(0, at));
    if (at == std::string_view::npos) return out;
    text.remove_prefix(at + separator.size());
  }
}

bool is_digit(char c) {
  return c >= '0' && c <= '9';
}

// idchar of the specification, without pct-encoded.
bool is_id_char(char c) {
  return is_digit(c) || (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || c == '.' || c == '-' ||
         c == '_';
}

int hex_value(char c) {
  if (is_digit(c)) return c - '0';
  if (c >= 'A' && c <= 'F') return c - 'A' + 10;
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  return -1;
}

// A value of 1*idchar, percent-decoded.
Result<std::string> decode_value(std::string_view text) {
  if (text.empty()) return bad_did("a predicate has an empty value");
  std::string out;
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (is_id_char(text[i])) {
      out += text[i];
      continue;
    }
    const int high = text[i] == '%' && i + 2 < text.size() ? hex_value(text[i + 1]) : -1;
    const int low = high >= 0 ? hex_value(text[i + 2]) : -1;
    if (low < 0) return bad_did("a value holds a character that must be percent-encoded");
    out += static_cast<char>(high * 16 + low);
    i += 2;
  }
  if (!is_utf8(as_bytes(out))) return bad_did("a value is not UTF-8 after percent-decoding");
  return out;
}

bool is_oid(std::string_view text) {
  const auto parts = split(text, ".");
  return std::all_of(parts.begin(), parts.end(), [](std::string_view part) {
    return !part.empty() && std::all_of(part.begin(), part.end(), is_digit);
  });
}

Result<DidX509::Predicate> parse_subject(const std::vector<std::string_view>& items) {
  static constexpr std::array<std::string_view, 7> kLabels{"CN", "L", "ST",    "O",
                                                           "OU", "C", "STREET"};
  if (items.size() % 2 != 0) return bad_did("the subject predicate wants key-value pairs");
  DidX509::Subject subject;
  std::set<std::string_view> seen;
  for (std::size_t i = 0; i < items.size(); i += 2) {
    const std::string_view key = items[i];
    if (std::find(kLabels.begin(), kLabels.end(), key) == kLabels.end() && !is_oid(key)) {
      return bad_did("the subject predicate has an unknown key");
    }
    if (!seen.insert(key).second) {
      return bad_did("the subject predicate names " + std::string(key) + " twice");
    }
    WITAN_ASSIGN(std::string value, decode_value(items[i + 1]));
    subject.attributes.emplace_back(std::string(key), std::move(value));
  }
  return subject;
}

Result<DidX509::Predicate> parse_san(const std::vector<std::string_view>& items) {
  if (items.size() != 2) return bad_did("the san predicate wants one type and one value");
  SubjectAltName name;
  if (items[0] == "email") {
    name.type = SubjectAltName::Type::kEmail;
  } else if (items[0] == "dns") {
    name.type = SubjectAltName::Type::kDns;
  } else if (items[0] == "uri") {
    name.type = SubjectAltName::Type::kUri;
  } else {
    return bad_did("the san predicate wants the type email, dns or uri");
  }
  WITAN_ASSIGN(name.value, decode_value(items[1]));
  return name;
}

Result<DidX509::Predicate> parse_predicate(std::string_view text) {
  const std::size_t colon = text.find(':');
  if (colon == std::string_view::npos) return bad_did("a predicate has no value");
  const std::string_view name = text.substr(0, colon);
  const auto items = split(text.substr(colon + 1), ":");
  if (name == "subject") return parse_subject(items);
  if (name == "san") return parse_san(items);
  if (name == "eku") {
    if (items.size() != 1 || !is_oid(items[0])) return bad_did("the eku predicate wants an OID");
    return DidX509::Eku{std::string(items[0])};
  }
  if (name == "fulcio-issuer") {
    if (items.size() != 1) return bad_did("the fulcio-issuer predicate wants one value");
    WITAN_ASSIGN(std::string host, decode_value(items[0]));
    return DidX509::FulcioIssuer{std::move(host)};
  }
  return bad_did("an unknown predicate; expected subject, san, eku or fulcio-issuer");
}

// The specification's model of a chain knows no repeated attributes in a name and no other kinds
// of alternative names; what does not fit the model does not resolve.
Result<void> check_model(const Certificate& certificate) {
  WITAN_ASSIGN(const auto subject, certificate.subject());
  std::set<std::string_view> seen;
  for (const auto& [label, value] : subject) {
    if (!seen.insert(label).second) {
      return fail(ErrorCode::kBadIdentity,
                  "did:x509: a certificate's subject names " + label + " twice");
    }
  }
  WITAN_ASSIGN(const auto names, certificate.subject_alt_names());
  for (const SubjectAltName& name : names) {
    if (name.type == SubjectAltName::Type::kOther) {
      return fail(ErrorCode::kBadIdentity,
                  "did:x509: a certificate has a SAN that is no email, dns, uri or directory name");
    }
  }
  return {};
}

// The leaf's names are decoded once for all predicates.
struct Matcher {
  const Certificate& leaf;
  const std::vector<std::pair<std::string, std::string>>& subject;
  const std::vector<SubjectAltName>& names;

  Result<bool> operator()(const DidX509::Subject& wanted) const {
    for (const auto& attribute : wanted.attributes) {
      if (std::find(subject.begin(), subject.end(), attribute) == subject.end()) return false;
    }
    return true;
  }
  Result<bool> operator()(const SubjectAltName& wanted) const {
    return std::find(names.begin(), names.end(), wanted) != names.end();
  }
  Result<bool> operator()(const DidX509::Eku& wanted) const {
    const auto usage = leaf.extended_key_usage();
    return usage && std::find(usage->begin(), usage->end(), wanted.oid) != usage->end();
  }
  Result<bool> operator()(const DidX509::FulcioIssuer& wanted) const {
    WITAN_ASSIGN(const auto issuer, leaf.fulcio_issuer());
    return issuer && *issuer == "https://" + wanted.host;
  }
};

constexpr std::array<std::string_view, 4> kPredicateNames{"subject", "san", "eku", "fulcio-issuer"};

}  // namespace

Result<DidX509> DidX509::parse(std::string_view did) {
  did = did.substr(0, did.find('#'));
  DidX509 out;
  out.id = did;
  if (!did.starts_with(kDidX509Prefix)) return bad_did("the prefix is not did:x509:");
  if (did.find('?') != std::string_view::npos) return bad_did("it has a query");
  if (did.find('/') != std::string_view::npos) return bad_did("it has a path");
  auto parts = split(did.substr(kDidX509Prefix.size()), "::");
  const auto head = split(parts.front(), ":");
  if (head.size() != 3) {
    return bad_did("expected version, hash and fingerprint before the first predicate");
  }
  if (head[0] != "0") return fail(ErrorCode::kUnsupported, "did:x509: expected version 0");
  std::size_t size = 0;
  if (head[1] == "sha256") {
    out.hash = HashFunction::kSha256;
    size = 32;
  } else if (head[1] == "sha384") {
    out.hash = HashFunction::kSha384;
    size = 48;
  } else if (head[1] == "sha512") {
    out.hash = HashFunction::kSha512;
    size = 64;
  } else {
    return fail(ErrorCode::kUnsupported, "did:x509: expected the hash sha256, sha384 or sha512");
  }
  auto fingerprint = base64url_decode(head[2]);
  if (!fingerprint || fingerprint->size() != size) {
    return bad_did("the CA fingerprint is not the base64url of " + std::to_string(size) + " bytes");
  }
  out.ca_fingerprint = *std::move(fingerprint);
  if (parts.size() < 2) return bad_did("it has no predicate");
  if (parts.size() - 1 > kDidX509PredicatesMax) {
    return bad_did(std::to_string(parts.size() - 1) + " predicates, expected at most " +
                   std::to_string(kDidX509PredicatesMax));
  }
  for (std::size_t i = 1; i < parts.size(); ++i) {
    WITAN_ASSIGN(Predicate predicate, parse_predicate(parts[i]));
    out.predicates.push_back(std::move(predicate));
  }
  return out;
}

Result<DidX509Document> resolve_did_x509(std::string_view did, std::span<const Certificate> chain,
                                         std::optional<std::int64_t> time_s) {
  WITAN_ASSIGN(DidX509 parsed, DidX509::parse(did));
  if (chain.size() < 2) {
    return fail(ErrorCode::kBadIdentity,
                "did:x509: expected a chain of at least 2 certificates, "
                "found " +
                    std::to_string(chain.size()));
  }
  // What is cheap to compare comes before the chain's signatures.
  const bool pinned = std::any_of(chain.begin() + 1, chain.end(), [&](const Certificate& ca) {
    return ca.fingerprint(parsed.hash) == parsed.ca_fingerprint;
  });
  if (!pinned) {
    return fail(ErrorCode::kBadIdentity,
                "did:x509: no certificate above the leaf has the fingerprint of the DID");
  }
  // To read a leaf of thousands of names costs more than a signature: its CA answers for it first.
  auto verified = verify_chain(chain, chain.last(1), {.time_s = time_s, .exact = true});
  if (!verified) return fail(verified.error().within("did:x509"));
  for (const Certificate& certificate : chain) WITAN_TRY(check_model(certificate));
  const Certificate& leaf = chain.front();
  WITAN_ASSIGN(const auto subject, leaf.subject());
  WITAN_ASSIGN(const auto names, leaf.subject_alt_names());
  const Matcher matcher{leaf, subject, names};
  for (const DidX509::Predicate& predicate : parsed.predicates) {
    WITAN_ASSIGN(const bool matches, std::visit(matcher, predicate));
    if (!matches) {
      return fail(ErrorCode::kBadIdentity,
                  "did:x509: the leaf certificate does not match the predicate " +
                      std::string(kPredicateNames.at(predicate.index())));
    }
  }
  const KeyUsage usage = leaf.key_usage();
  const bool assertion = !usage.present || usage.digital_signature;
  const bool key_agreement = !usage.present || usage.key_agreement;
  if (!assertion && !key_agreement) {
    return fail(ErrorCode::kBadIdentity,
                "did:x509: the leaf's key usage allows neither signatures nor key agreement");
  }
  return DidX509Document{std::move(parsed.id), leaf.public_key(), assertion, key_agreement};
}

}  // namespace witan
