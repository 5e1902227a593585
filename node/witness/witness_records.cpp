#include "node/witness/witness_records.h"

#include <algorithm>
#include <string_view>
#include <utility>
#include <vector>

#include "config/feed_limits.h"
#include "config/limits.h"
#include "ledger/format/note.h"
#include "ledger/store/layout.h"

namespace witan {
namespace {

constexpr std::uint32_t kDisabledFlag = 1, kQpdFlag = 2;

void put_number(Bytes& out, std::uint32_t value) {
  append(out, store::encode32(value));
}
void put_text(Bytes& out, BytesView text) {
  put_number(out, static_cast<std::uint32_t>(text.size()));
  append(out, text);
}

// Takes a record apart from the front. After a failure everything it gives is empty, and whole()
// is false.
class RecordReader {
 public:
  explicit RecordReader(BytesView bytes) : rest_(bytes) {}

  BytesView take(std::size_t count) {
    if (!good_ || rest_.size() < count) {
      good_ = false;
      return {};
    }
    const BytesView out = rest_.first(count);
    rest_ = rest_.subspan(count);
    return out;
  }
  std::uint32_t number() {
    const BytesView bytes = take(store::kLengthBytes);
    return good_ ? store::decode32(bytes) : 0;
  }
  std::uint64_t number64() {
    const BytesView bytes = take(sizeof(std::uint64_t));
    return good_ ? store::decode64(bytes) : 0;
  }
  BytesView text() { return take(number()); }
  [[nodiscard]] bool good() const { return good_; }
  [[nodiscard]] bool whole() const { return good_ && rest_.empty(); }

 private:
  BytesView rest_;
  bool good_ = true;
};

tl::unexpected<Error> damaged_record(std::string_view what) {
  return fail(ErrorCode::kIo, "the witness's store is damaged: a " + std::string(what) +
                                  " row is not what this program writes");
}

}  // namespace

StoredCheckpoint stored_checkpoint(const Cosigned& cosigned) {
  std::vector<NoteSignature> lines = cosigned.log_lines;
  lines.insert(lines.end(), cosigned.lines.begin(), cosigned.lines.end());
  return {cosigned.origin, cosigned.mark, cosigned.time_s,
          Note{cosigned.text, std::move(lines)}.encode()};
}

Result<void> check_continues(const CosignMark& kept, std::span<const Cosigned* const> cosigned,
                             bool known) {
  const Cosigned& last = *cosigned.back();
  const std::string before =
      ", and size " + std::to_string(kept.size.value) + " was cosigned before";
  const std::string what = "the signer cosigned " + last.origin;
  const std::string at_size = what + " at size " + std::to_string(last.mark.size.value);
  if (last.mark.size < kept.size) return fail(ErrorCode::kStale, at_size + before);
  if (last.mark.size == kept.size && last.mark.root != kept.root) {
    return fail(ErrorCode::kConflict, at_size + before + " with another root");
  }
  std::uint64_t reached = known ? cosigned.front()->old_size : kept.size.value;
  bool follows = reached >= kept.size.value;
  for (const Cosigned* one : cosigned) {
    if (one->old_size != reached) {
      return fail(ErrorCode::kStale, what + " from size " + std::to_string(one->old_size) +
                                         ", and size " + std::to_string(reached) +
                                         " was cosigned before");
    }
    reached = one->mark.size.value;
    follows = follows || one->mark == kept;
  }
  if (follows) return {};
  return fail(ErrorCode::kStale,
              what + " from size " + std::to_string(cosigned.front()->old_size) + before);
}

Bytes encode_known_log(const KnownLog& log) {
  Bytes out;
  put_text(out, as_bytes(log.origin));
  put_number(out, (log.disabled ? kDisabledFlag : 0) | (log.qpd ? kQpdFlag : 0));
  put_number(out, log.qpd.value_or(0));
  put_text(out, as_bytes(log.contact));
  put_number(out, static_cast<std::uint32_t>(log.keys.size()));
  for (const VerifierKey& key : log.keys) {
    put_text(out, as_bytes(key.name));
    put_number(out, static_cast<std::uint32_t>(key.algorithm));
    put_text(out, key.key);
    append(out, key.id);
  }
  return out;
}

Result<KnownLog> decode_known_log(BytesView bytes) {
  RecordReader in(bytes);
  KnownLog log;
  log.origin = as_text(in.text());
  const std::uint32_t flags = in.number();
  log.disabled = (flags & kDisabledFlag) != 0;
  const std::uint32_t qpd = in.number();
  if ((flags & kQpdFlag) != 0) log.qpd = qpd;
  log.contact = as_text(in.text());
  const std::uint32_t count = in.number();
  if (count > limits::kWitnessKeysPerLogMax || flags > (kDisabledFlag | kQpdFlag)) {
    return damaged_record("log's");
  }
  for (std::uint32_t i = 0; i < count; ++i) {
    VerifierKey key;
    key.name = as_text(in.text());
    key.algorithm = static_cast<NoteAlgorithm>(in.number());
    key.key = to_bytes(in.text());
    const BytesView id = in.take(key.id.size());
    std::copy(id.begin(), id.end(), key.id.begin());
    log.keys.push_back(std::move(key));
  }
  if (!in.whole()) return damaged_record("log's");
  return log;
}

Bytes encode_stored_checkpoint(const StoredCheckpoint& checkpoint) {
  Bytes out;
  put_text(out, as_bytes(checkpoint.origin));
  append(out, store::encode64(checkpoint.mark.size.value));
  append(out, checkpoint.mark.root);
  append(out, store::encode64(checkpoint.time_s));
  put_text(out, as_bytes(checkpoint.note));
  return out;
}

namespace {

Result<StoredCheckpoint> decode_checkpoint_row(BytesView bytes, bool with_note) {
  RecordReader in(bytes);
  StoredCheckpoint out;
  out.origin = as_text(in.text());
  out.mark.size = TreeSize{in.number64()};
  const BytesView root = in.take(out.mark.root.size());
  std::copy(root.begin(), root.end(), out.mark.root.begin());
  out.time_s = in.number64();
  const BytesView note = in.text();
  if (with_note) out.note = as_text(note);
  if (!in.whole()) return damaged_record("checkpoint's");
  return out;
}

}  // namespace

Result<StoredCheckpoint> decode_stored_checkpoint(BytesView bytes) {
  return decode_checkpoint_row(bytes, true);
}

Result<StoredCheckpoint> decode_stored_mark(BytesView bytes) {
  return decode_checkpoint_row(bytes, false);
}

Bytes encode_stored_feed(const StoredFeed& feed) {
  Bytes out;
  put_text(out, as_bytes(feed.origin));
  put_text(out, as_bytes(feed.feed.url));
  put_number(out, static_cast<std::uint32_t>(feed.feed.layout));
  put_number(out, feed.feed.every_s);
  return out;
}

Result<StoredFeed> decode_stored_feed(BytesView bytes) {
  RecordReader in(bytes);
  StoredFeed out;
  out.origin = as_text(in.text());
  out.feed.url = as_text(in.text());
  const std::uint32_t layout = in.number();
  out.feed.layout = static_cast<FeedLayout>(layout);
  out.feed.every_s = in.number();
  if (!in.whole() || layout > static_cast<std::uint32_t>(FeedLayout::kSumdb)) {
    return damaged_record("feed's");
  }
  return out;
}

Bytes encode_list_state(const ListState& list) {
  Bytes out;
  put_text(out, as_bytes(list.source));
  for (const std::uint64_t number :
       {list.tried_s, list.read_s, list.logs, list.added, list.warnings, list.key_changes}) {
    append(out, store::encode64(number));
  }
  for (const std::string* text : {&list.etag, &list.last_modified, &list.error}) {
    put_text(out, as_bytes(*text));
  }
  put_number(out, static_cast<std::uint32_t>(list.shown_warnings.size()));
  for (const std::string& warning : list.shown_warnings) put_text(out, as_bytes(warning));
  return out;
}

Result<ListState> decode_list_state(BytesView bytes) {
  RecordReader in(bytes);
  ListState out;
  out.source = as_text(in.text());
  for (std::uint64_t* number :
       {&out.tried_s, &out.read_s, &out.logs, &out.added, &out.warnings, &out.key_changes}) {
    *number = in.number64();
  }
  for (std::string* text : {&out.etag, &out.last_modified, &out.error}) *text = as_text(in.text());
  const std::uint32_t count = in.number();
  if (count > limits::kLogListShownWarningsMax) return damaged_record("list's");
  for (std::uint32_t i = 0; i < count; ++i) out.shown_warnings.emplace_back(as_text(in.text()));
  if (!in.whole()) return damaged_record("list's");
  return out;
}

}  // namespace witan
