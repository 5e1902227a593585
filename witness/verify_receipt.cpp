#include "witness/verify_receipt.h"

#include <algorithm>
#include <cstdint>
#include <utility>

#include "ledger/crypto/sha256.h"
#include "ledger/encoding.h"
#include "ledger/format/cose.h"
#include "witness/opened_receipt.h"

namespace witan {
namespace {

constexpr std::string_view kTlogProofStart = "c2sp.org/tlog-proof@";

struct Verdict {
  CheckStatus status = CheckStatus::kSkipped;
  std::string detail;
};
Verdict good(std::string detail) {
  return {CheckStatus::kOk, std::move(detail)};
}
Verdict bad(std::string detail) {
  return {CheckStatus::kFailed, std::move(detail)};
}
Verdict skipped(std::string detail) {
  return {CheckStatus::kSkipped, std::move(detail)};
}
bool is_good(const Verdict& verdict) {
  return verdict.status == CheckStatus::kOk;
}

// RFC 9679 thumbprint (ours), or the hash of the key as CCF writes it.
bool kid_names(BytesView kid, const PublicKey& key) {
  const Hash32 spki = sha256(key.spki());
  return equal(kid, cose_key_thumbprint(key)) || equal(kid, spki) ||
         as_text(kid) == hex_encode(spki);
}

// Other logs may choose any bytes; these are known to be made from the key.
bool kid_is_made_from_key(const Receipt& receipt) {
  return receipt.head_size || receipt.vds == cose::kVdsCcf || receipt.kid->size() == 32;
}

Result<void> verify_root(const Receipt& receipt, const Hash32& root, const PublicKey& key) {
  if (!receipt.cose.payload) return receipt.cose.verify(key, BytesView(root));
  if (!equal(*receipt.cose.payload, root)) {
    return fail(ErrorCode::kBadProof, "the signed payload is another root");
  }
  return receipt.cose.verify(key);
}

Verdict check_head_signature(const Receipt& receipt, const Hash32& root, const VerifyTrust& trust,
                             std::optional<PublicKey>& verified_by) {
  std::string why;
  for (const PublicKey& key : trust.receipt_keys) {
    const auto verified = verify_root(receipt, root, key);
    if (!verified) {
      if (why.empty() || verified.error().code != ErrorCode::kUnsupported) {
        why = verified.error().message;
      }
      continue;
    }
    if (receipt.kid && kid_is_made_from_key(receipt) && !kid_names(*receipt.kid, key)) {
      return bad("it names the key (kid) " + hex_encode(*receipt.kid) +
                 ", but is signed by the key with thumbprint " +
                 hex_encode(cose_key_thumbprint(key)));
    }
    verified_by = key;
    return good(std::string(to_string(receipt.algorithm)) + " by the key with thumbprint " +
                hex_encode(cose_key_thumbprint(key)));
  }
  return bad((trust.receipt_keys.size() == 1 ? "the receipt key did not sign"
                                             : "none of the receipt keys signed") +
             (" the root " + hex_encode(root) + " that the proof leads to: ") + why);
}

struct LogVerdicts {
  Verdict signature;
  Verdict witnesses;
  std::optional<VerifierKey> key;
};

Verdict check_log_keys(const OpenedReceipt& opened, const VerifyTrust& trust,
                       std::optional<VerifierKey>& verified_by) {
  const std::string& origin = opened.checkpoint->origin;
  std::string why;
  for (const VerifierKey& key : trust.log_keys) {
    // A key speaks for the log that it is named after, or for the one that the verifier pins.
    if (key.name != origin && trust.origin != origin) continue;
    // ML-DSA keys sign for logs and witnesses alike, but always under their own name.
    if (key.algorithm == NoteAlgorithm::kCosignatureEd25519 ||
        (key.algorithm == NoteAlgorithm::kMlDsa44 && key.name != origin)) {
      why = "\"" + key.name + "\" is the key of a witness, not of a log";
      continue;
    }
    const auto verified = verify_note(*opened.note, key);
    if (verified) {
      verified_by = key;
      return good("the checkpoint of " + origin + " at size " +
                  std::to_string(opened.checkpoint->size.value) + " is signed by " + key.name +
                  "+" + hex_encode(key.id));
    }
    why = verified.error().message;
  }
  if (why.empty()) why = "no log key of that name was given";
  return bad("the checkpoint is of the log \"" + origin + "\": " + why);
}

void check_policy(const OpenedReceipt& opened, const TlogPolicy& policy, LogVerdicts& out) {
  const auto verdict = check_checkpoint(policy, opened.signed_note);
  if (!verdict) {
    if (verdict.error().code == ErrorCode::kRefused) {
      if (out.signature.status == CheckStatus::kSkipped) {
        out.signature = good("the checkpoint is signed by a log of the tlog-policy");
      }
      out.witnesses = bad(verdict.error().message);
    } else {
      if (out.signature.status != CheckStatus::kFailed) {
        out.signature = bad("tlog-policy: " + verdict.error().message);
      }
      out.witnesses = skipped("the log's signature comes first");
    }
    return;
  }
  if (!out.key) out.key = verdict->log_key;
  if (out.signature.status == CheckStatus::kSkipped) {
    out.signature = good("the checkpoint of " + verdict->checkpoint.origin + " at size " +
                         std::to_string(verdict->checkpoint.size.value) + " is signed by " +
                         verdict->log_key.name + "+" + hex_encode(verdict->log_key.id));
  }
  if (policy.quorum == "none") {
    out.witnesses = skipped("the tlog-policy asks for none");
    return;
  }
  std::string names;
  for (const std::size_t i : verdict->smallest) {
    names += (names.empty() ? "" : ", ") + policy.witnesses[i].name;
  }
  out.witnesses = good("quorum \"" + policy.quorum + "\" is met by " + names);
}

LogVerdicts check_log(const OpenedReceipt& opened, const VerifyTrust& trust, bool receipt_signed) {
  LogVerdicts out;
  out.witnesses = skipped("no tlog-policy asks for any");
  const bool asked = trust.tlog_policy || !trust.log_keys.empty();
  if (!asked) {
    if (trust.receipt_keys.empty()) {
      out.signature = bad("no key of a log and no tlog-policy was given to verify with");
    } else if (opened.proof) {
      out.signature = bad("a tlog-proof is verified with the log's vkey, and none was given");
    } else {
      out.signature = skipped("no log key (vkey) was given");
    }
    return out;
  }
  if (!opened.checkpoint) {
    if (trust.tlog_policy) {
      out.signature = bad("the tlog-policy asks for a checkpoint, and the receipt carries none");
      out.witnesses = skipped("there is no checkpoint");
    } else if (receipt_signed) {
      out.signature = skipped("the receipt carries no checkpoint");
    } else {
      out.signature = bad("the receipt carries no checkpoint that a log key could verify");
    }
    return out;
  }
  if (!trust.log_keys.empty()) out.signature = check_log_keys(opened, trust, out.key);
  if (trust.tlog_policy) check_policy(opened, *trust.tlog_policy, out);
  return out;
}

// The log's name, as the best of what the receipt carries says it.
std::string origin_of(const OpenedReceipt& opened, const VerifyTrust& trust) {
  if (opened.checkpoint) return opened.checkpoint->origin;
  const Receipt& receipt = *opened.receipt;
  // CCF's subject is the same for all services; the service itself is the issuer.
  if (receipt.vds == cose::kVdsCcf && receipt.issuer && receipt.issuer == trust.origin) {
    return *receipt.issuer;
  }
  return receipt.subject.value_or("");
}

// Origin and size; the roots are compared where it is known whose fault a difference is.
Verdict check_head(const OpenedReceipt& opened, const Result<LedTo>& led,
                   const VerifyTrust& trust) {
  const std::string origin = origin_of(opened, trust);
  if (trust.origin && origin != *trust.origin) {
    return bad("expected the log \"" + *trust.origin + "\", found \"" + origin + "\"");
  }
  if (!opened.receipt || !opened.checkpoint) {
    if (trust.origin) return good("the log is " + origin);
    return skipped("there is one signed head, and any log is accepted");
  }
  if (opened.receipt->subject != origin) {
    return bad("the receipt's head is of the log \"" + opened.receipt->subject.value_or("") +
               "\", its checkpoint of \"" + origin + "\"");
  }
  const std::optional<std::uint64_t> size =
      led && led->size ? led->size->value : opened.receipt->head_size;
  if (size && *size != opened.checkpoint->size.value) {
    return bad("the receipt's head has " + std::to_string(*size) + " leaves, its checkpoint " +
               std::to_string(opened.checkpoint->size.value));
  }
  if (!led) return skipped("there is no root to compare");
  return good("COSE head and checkpoint agree: " + origin + " at size " +
              std::to_string(opened.checkpoint->size.value));
}

struct Verdicts {
  Verdict proof, receipt, head;
  LogVerdicts log;
};

// The checkpoint has another root than the proof leads to. What is wrong is what no signature
// vouches for.
void judge_roots(const OpenedReceipt& opened, const LedTo& led, const VerifyTrust& trust,
                 Verdicts& out, std::optional<PublicKey>& receipt_key) {
  const Hash32& theirs = opened.checkpoint->root;
  if (is_good(out.receipt)) {
    out.head = bad("at size " + std::to_string(opened.checkpoint->size.value) +
                   " the receipt's head has the root " + hex_encode(led.root) +
                   ", its checkpoint " + hex_encode(theirs));
    return;
  }
  out.proof = bad("it leads from this statement to the root " + hex_encode(led.root) +
                  ", the log's is " + hex_encode(theirs));
  out.head = skipped("there is no root to compare");
  if (out.receipt.status != CheckStatus::kFailed) return;
  out.receipt = check_head_signature(*opened.receipt, theirs, trust, receipt_key);
}

Verdicts judge(const OpenedReceipt& opened, const Result<LedTo>& led, const VerifyTrust& trust,
               std::optional<PublicKey>& receipt_key) {
  Verdicts out;
  if (!opened.receipt) {
    out.receipt = skipped("a tlog-proof has no COSE signature");
  } else if (trust.receipt_keys.empty()) {
    out.receipt = skipped("no receipt key was given");
  } else if (!led) {
    out.receipt = skipped("there is no root that it could be about");
  } else {
    out.receipt = check_head_signature(*opened.receipt, led->root, trust, receipt_key);
  }
  out.log = check_log(opened, trust, is_good(out.receipt));
  const bool forged = opened.checkpoint && out.log.signature.status == CheckStatus::kFailed;
  out.head = forged ? skipped("the checkpoint is not the log's") : check_head(opened, led, trust);
  if (!led) {
    out.proof = bad(led.error().message);
    return out;
  }
  out.proof = led->size ? good("leaf " + std::to_string(led->index->value) + " of " +
                               std::to_string(led->size->value) + " leads to the root " +
                               hex_encode(led->root))
                        : good("leads to the root " + hex_encode(led->root));
  const bool same_size =
      opened.checkpoint && !forged && (!led->size || *led->size == opened.checkpoint->size);
  if (same_size && opened.checkpoint->root != led->root &&
      out.head.status != CheckStatus::kFailed) {
    judge_roots(opened, *led, trust, out, receipt_key);
  }
  return out;
}

std::string kind_of(const OpenedReceipt& opened) {
  if (opened.proof) return "a tlog-proof";
  const std::string with = opened.checkpoint ? ", with the checkpoint" : "";
  return (opened.receipt->vds == cose::kVdsCcf ? "a COSE receipt of CCF (vds 2)"
                                               : "a COSE receipt of RFC 9162 (vds 1)") +
         with;
}

}  // namespace

bool is_tlog_proof(BytesView bytes) {
  return as_text(bytes).substr(0, kTlogProofStart.size()) == kTlogProofStart;
}

bool ReceiptReport::verified() const {
  return std::none_of(checks.begin(), checks.end(),
                      [](const Check& check) { return check.status == CheckStatus::kFailed; });
}

ReceiptReport check_receipt(BytesView receipt, const Hash32& entry, const VerifyTrust& trust) {
  ReceiptReport out;
  const auto add = [&out](std::string name, Verdict verdict) {
    out.checks.push_back({std::move(name), verdict.status, std::move(verdict.detail)});
  };
  const auto opened = open_receipt(receipt);
  if (!opened) {
    add("receipt", bad(opened.error().message));
    return out;
  }
  add("receipt", good(kind_of(*opened)));
  const auto led = follow_proofs(*opened, entry);
  out.origin = origin_of(*opened, trust);
  if (led) {
    out.size = led->size;
    out.index = led->index;
    out.path = led->path;
  }
  Verdicts verdicts = judge(*opened, led, trust, out.receipt_key);
  if (is_good(verdicts.log.signature)) out.log_key = std::move(verdicts.log.key);
  add("inclusion proof", std::move(verdicts.proof));
  add("receipt signature", std::move(verdicts.receipt));
  add("log signature", std::move(verdicts.log.signature));
  add("witnesses", std::move(verdicts.log.witnesses));
  add("log head", std::move(verdicts.head));
  return out;
}

}  // namespace witan
