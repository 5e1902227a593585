#include "enclave/marks_journal.h"

#include <algorithm>
#include <array>
#include <string_view>

#include "enclave/messages.h"
#include "ledger/crypto/sha256.h"
#include "ledger/encoding.h"
#include "ledger/format/cbor.h"

namespace witan {
namespace {

constexpr std::string_view kKeysMagic = "witanck1";
constexpr std::string_view kSnapshotMagic = "witancs1";
constexpr std::string_view kRecordMagic = "witancr1";
// With an ML-DSA-44 seed the keys are of another version: who does not know it must not go on
// with half of the keys.
constexpr std::uint64_t kKeysVersion = 1, kTwoKeysVersion = 2;
constexpr std::uint64_t kSnapshotVersion = 2;
constexpr std::size_t kMagicBytes = 8;
constexpr std::size_t kSnapshotHeadBytes = kMagicBytes + 8;             // magic, epoch
constexpr std::size_t kRecordHeadBytes = kMagicBytes + 8 + 8 + 4 + 32;  // + sequence, length, chain
constexpr std::size_t kTagTailBytes = 16;
constexpr std::size_t kNonceFrontBytes = 24;

constexpr std::string_view kWayOut =
    "; nothing is cosigned from it. Put back the newest whole copy of this folder, which the "
    "witness compares with its own store before it cosigns, or begin a new witness under a new "
    "name in another folder";

tl::unexpected<Error> no_way_on(ErrorCode code, const std::string& what) {
  return fail(code, what + std::string(kWayOut));
}

void put_number(Bytes& out, std::uint64_t value, std::size_t bytes) {
  for (std::size_t i = bytes; i-- > 0;) out.push_back(static_cast<std::uint8_t>(value >> (8 * i)));
}

std::uint64_t get_number(BytesView bytes) {
  std::uint64_t value = 0;
  for (const std::uint8_t byte : bytes) value = value << 8 | byte;
  return value;
}

std::uint64_t rounded_up(std::uint64_t bytes) {
  return (bytes + kJournalBlockBytes - 1) / kJournalBlockBytes * kJournalBlockBytes;
}

Bytes with_id(BytesView head, const Hash32& id) {
  Bytes out = to_bytes(head);
  witan::append(out, id);
  return out;
}

// What the next record names: a digest of head, nonce and tag, which no two sealings share and
// nobody without the machine key can make.
Hash32 link_of(BytesView head, BytesView sealed) {
  return sha256({head, sealed.first(kNonceFrontBytes), sealed.last(kTagTailBytes)});
}

struct RecordHead {
  std::uint64_t epoch = 0;
  std::uint64_t sequence = 0;
  std::uint64_t length = 0;  // of the sealed bytes
  Hash32 chain{};
};

std::optional<RecordHead> read_record_head(BytesView bytes) {
  if (as_text(bytes.first(kMagicBytes)) != kRecordMagic) return std::nullopt;
  RecordHead out;
  out.epoch = get_number(bytes.subspan(8, 8));
  out.sequence = get_number(bytes.subspan(16, 8));
  out.length = get_number(bytes.subspan(24, 4));
  std::copy_n(bytes.begin() + 28, out.chain.size(), out.chain.begin());
  return out;
}

struct FileHead {
  std::size_t elements = 0;
  std::uint64_t version = 0;
};

// The head of a file's array, whose first element is its version.
Result<FileHead> read_file_head(CborReader& reader, std::string_view name, std::uint64_t lowest,
                                std::uint64_t highest) {
  FileHead out;
  WITAN_ASSIGN(out.elements, reader.read_array());
  WITAN_ASSIGN(out.version, reader.read_unsigned());
  if (out.version >= lowest && out.version <= highest) return out;
  return fail(ErrorCode::kUnsupported, std::string(name) + " of version " +
                                           std::to_string(out.version) + ", expected " +
                                           std::to_string(highest));
}

Result<void> expect_file_elements(const FileHead& head, std::string_view name,
                                  std::size_t expected) {
  if (head.elements == expected) return {};
  return fail(ErrorCode::kMalformed, std::string(name) + ": an array of " +
                                         std::to_string(head.elements) + " elements, expected " +
                                         std::to_string(expected));
}

SecretBytes random_seed(Random& random) {
  Bytes seed(32);
  random.fill(seed);
  return SecretBytes(std::move(seed));
}

}  // namespace

Result<MarksJournal> MarksJournal::create(CosignerDisk& disk, MachineKey key, Random& random,
                                          std::string name, bool ml_dsa, std::size_t bytes_max) {
  WITAN_ASSIGN(const auto present, disk.read_keys());
  if (present) return fail(ErrorCode::kConflict, "the cosigner's keys are there already");
  MarksJournal out(disk, std::move(key), random, bytes_max);
  out.memory_.seeds.ed25519 = random_seed(random);
  if (ml_dsa) out.memory_.seeds.ml_dsa_44 = random_seed(random);
  out.memory_.name = std::move(name);
  random.fill(out.id_);
  WITAN_TRY(disk.create_journal(kJournalGrowBytes));
  out.allocated_ = kJournalGrowBytes;
  WITAN_TRY(out.fold({}, {}));
  // Last: without the keys, the other files count for nothing.
  WITAN_TRY(out.create_keys());
  return out;
}

Result<void> MarksJournal::create_keys() {
  const BytesView ml_dsa = memory_.seeds.ml_dsa_44.view();
  CborWriter writer;
  // So that it never grows and leaves a copy of the seeds behind.
  writer.reserve(192 + memory_.name.size());
  writer.array(ml_dsa.empty() ? 4 : 5);
  writer.unsigned_integer(ml_dsa.empty() ? kKeysVersion : kTwoKeysVersion).text(memory_.name);
  writer.bytes(memory_.seeds.ed25519.view()).bytes(id_);
  if (!ml_dsa.empty()) writer.bytes(ml_dsa);
  const SecretBytes content(writer.take());
  Bytes file = to_bytes(as_bytes(kKeysMagic));
  witan::append(file, seal_bytes(key_, as_bytes(kKeysMagic), content.view(), *random_));
  return disk_->create_keys(file);
}

Result<std::optional<MarksJournal>> MarksJournal::open(CosignerDisk& disk, MachineKey key,
                                                       Random& random, std::size_t bytes_max) {
  MarksJournal out(disk, std::move(key), random, bytes_max);
  WITAN_ASSIGN(const auto keys, disk.read_keys());
  if (!keys) return std::nullopt;
  WITAN_TRY(out.open_keys(*keys));
  {
    WITAN_ASSIGN(const auto snapshot, disk.read_snapshot());
    if (!snapshot) {
      return no_way_on(ErrorCode::kStale,
                       "the cosigner's keys are there, but marks.snapshot is missing");
    }
    WITAN_TRY(out.open_snapshot(*snapshot));
  }
  WITAN_TRY(out.replay());
  // The snapshot will name the journal's length, which a process that was killed may have left
  // unsynced.
  WITAN_TRY(disk.sync_journal());
  WITAN_TRY(out.fold(out.memory_.marks, out.memory_.recent));
  return std::optional<MarksJournal>(std::move(out));
}

Result<void> MarksJournal::open_keys(BytesView file) {
  if (file.size() < kMagicBytes || as_text(file.first(kMagicBytes)) != kKeysMagic) {
    return no_way_on(ErrorCode::kMalformed, "the file cosigner does not begin with \"witanck1\"");
  }
  auto opened = open_bytes(key_, as_bytes(kKeysMagic), file.subspan(kMagicBytes));
  if (!opened) {
    return no_way_on(ErrorCode::kMalformed, "the file cosigner " + opened.error().message);
  }
  const SecretBytes content(std::move(*opened));
  WITAN_ASSIGN(CborReader reader,
               CborReader::make(content.view(), {.minimal = true, .indefinite = false}));
  constexpr std::string_view kName = "the file cosigner";
  WITAN_ASSIGN(const FileHead head, read_file_head(reader, kName, kKeysVersion, kTwoKeysVersion));
  const bool two_keys = head.version == kTwoKeysVersion;
  WITAN_TRY(expect_file_elements(head, kName, two_keys ? 5 : 4));
  WITAN_ASSIGN(memory_.name, reader.read_text());
  WITAN_ASSIGN(const BytesView seed, reader.read_bytes());
  memory_.seeds.ed25519 = SecretBytes(to_bytes(seed));
  WITAN_ASSIGN(const BytesView id, reader.read_bytes());
  WITAN_ASSIGN(id_, hash_from_bytes(id));
  if (!two_keys) return {};
  WITAN_ASSIGN(const BytesView ml_dsa, reader.read_bytes());
  if (ml_dsa.size() != kMlDsa44SeedBytes) {
    return fail(ErrorCode::kMalformed, std::string(kName) + ": an ML-DSA-44 seed of " +
                                           std::to_string(ml_dsa.size()) + " bytes, expected 32");
  }
  memory_.seeds.ml_dsa_44 = SecretBytes(to_bytes(ml_dsa));
  return {};
}

Result<void> MarksJournal::open_snapshot(BytesView file) {
  if (file.size() < kSnapshotHeadBytes + kSealOverheadBytes ||
      as_text(file.first(kMagicBytes)) != kSnapshotMagic) {
    return no_way_on(ErrorCode::kMalformed, "marks.snapshot does not begin with \"witancs1\"");
  }
  const BytesView head = file.first(kSnapshotHeadBytes);
  const BytesView sealed = file.subspan(kSnapshotHeadBytes);
  const auto content = open_bytes(key_, with_id(head, id_), sealed);
  if (!content) {
    return no_way_on(ErrorCode::kMalformed,
                     "marks.snapshot " + content.error().message + ", or of another cosigner");
  }
  epoch_ = get_number(head.subspan(kMagicBytes, 8));
  chain_ = link_of(head, sealed);
  WITAN_ASSIGN(CborReader reader,
               CborReader::make(*content, {.minimal = true, .indefinite = false}));
  constexpr std::string_view kName = "marks.snapshot";
  WITAN_ASSIGN(const FileHead file_head,
               read_file_head(reader, kName, kSnapshotVersion, kSnapshotVersion));
  WITAN_TRY(expect_file_elements(file_head, kName, 4));
  WITAN_ASSIGN(const std::uint64_t journal_bytes, reader.read_unsigned());
  allocated_ = journal_bytes;
  WITAN_ASSIGN(const BytesView marks_bytes, reader.read_bytes());
  WITAN_ASSIGN(const auto marks, decode_marks(marks_bytes));
  memory_.marks.reserve(marks.size());
  for (const OriginMark& mark : marks) memory_.marks.set(mark);
  WITAN_ASSIGN(const std::size_t batches, reader.read_array());
  if (batches > limits::kCosignBatchesKept) {
    return fail(ErrorCode::kTooLarge, "marks.snapshot: " + std::to_string(batches) +
                                          " batches, expected at most " +
                                          std::to_string(limits::kCosignBatchesKept));
  }
  for (std::size_t i = 0; i < batches; ++i) {
    WITAN_ASSIGN(const BytesView encoded, reader.read_bytes());
    WITAN_ASSIGN(CosignBatch batch, decode_batch(encoded));
    memory_.recent.push_back(std::move(batch));
  }
  return {};
}

Result<void> MarksJournal::replay() {
  WITAN_ASSIGN(const auto bytes, disk_->journal_bytes());
  if (!bytes) {
    return no_way_on(ErrorCode::kStale, "the cosigner's keys are there, but marks is missing");
  }
  if (*bytes < allocated_) {
    return no_way_on(ErrorCode::kMalformed,
                     "marks has " + std::to_string(*bytes) + " bytes, expected at least " +
                         std::to_string(allocated_) + ": its end was cut off");
  }
  allocated_ = *bytes / kJournalBlockBytes * kJournalBlockBytes;
  std::deque<Bytes> recent;
  for (;;) {
    WITAN_ASSIGN(const bool more, replay_next(recent));
    if (!more) break;
    if (recent.size() > limits::kCosignBatchesKept) recent.pop_front();
  }
  for (const Bytes& record : recent) {
    WITAN_ASSIGN(CosignBatch batch, decode_batch(record));
    keep_recent(memory_.recent, std::move(batch));
  }
  return check_rest();
}

Result<bool> MarksJournal::replay_next(std::deque<Bytes>& recent) {
  std::array<std::uint8_t, kRecordHeadBytes> head_bytes{};
  if (tail_ + head_bytes.size() > allocated_) return false;
  WITAN_TRY(disk_->read_journal(tail_, head_bytes));
  const auto head = read_record_head(head_bytes);
  if (!head || head->epoch != epoch_ || head->sequence != sequence_ + 1) return false;
  if (head->length > allocated_ - tail_ - head_bytes.size()) return false;
  Bytes sealed(head->length);
  WITAN_TRY(disk_->read_journal(tail_ + head_bytes.size(), sealed));
  auto content = open_bytes(key_, with_id(head_bytes, id_), sealed);
  if (!content) return false;
  const std::string name = "marks: record " + std::to_string(head->sequence) + " of epoch " +
                           std::to_string(head->epoch);
  if (head->chain != chain_) {
    return no_way_on(ErrorCode::kStale, name +
                                            " follows another record or snapshot than the one "
                                            "before it: files of different times are mixed");
  }
  const auto batch = decode_batch_marks(*content);
  if (!batch) return no_way_on(ErrorCode::kMalformed, name + ": " + batch.error().message);
  for (const OriginMark& mark : batch->marks) memory_.marks.set(mark);
  recent.push_back(std::move(*content));
  sequence_ = head->sequence;
  chain_ = link_of(head_bytes, sealed);
  tail_ = rounded_up(tail_ + head_bytes.size() + sealed.size());
  return true;
}

// What stands at the tail may be the torn write of a record that was never released. A later record
// behind it says that it was: each is written only after the one before it is durable.
Result<void> MarksJournal::check_rest() const {
  Bytes chunk(kJournalGrowBytes);
  for (std::uint64_t at = tail_; at < allocated_; at += chunk.size()) {
    const std::size_t bytes = std::min<std::uint64_t>(chunk.size(), allocated_ - at);
    WITAN_TRY(disk_->read_journal(at, std::span(chunk).first(bytes)));
    for (std::size_t block = 0; block < bytes; block += kJournalBlockBytes) {
      const auto head = read_record_head(BytesView(chunk).subspan(block, kRecordHeadBytes));
      if (!head || head->epoch < epoch_) continue;
      const std::string later =
          "record " + std::to_string(head->sequence) + " of epoch " + std::to_string(head->epoch);
      if (head->epoch > epoch_) {
        return no_way_on(ErrorCode::kStale,
                         "marks holds " + later + ", but marks.snapshot is of epoch " +
                             std::to_string(epoch_) + ": an older snapshot was put back");
      }
      const bool torn_tail = at + block == tail_ && head->sequence == sequence_ + 1;
      if (head->sequence > sequence_ && !torn_tail) {
        return no_way_on(ErrorCode::kMalformed, "marks: record " + std::to_string(sequence_ + 1) +
                                                    " of epoch " + std::to_string(epoch_) +
                                                    " is damaged or missing, but " + later +
                                                    " is behind it");
      }
    }
  }
  return {};
}

Result<void> MarksJournal::grow(std::uint64_t bytes) {
  const Bytes zeroes(std::max<std::uint64_t>(kJournalGrowBytes, rounded_up(bytes)));
  WITAN_TRY(disk_->write_journal(allocated_, zeroes));
  const Result<void> synced = disk_->sync_journal();
  broken_ = !synced;
  WITAN_TRY(synced);
  allocated_ += zeroes.size();
  return {};
}

Result<void> MarksJournal::append(BytesView record) {
  if (broken_) {
    return fail(ErrorCode::kIo, "an earlier sync of the marks failed: nothing more is written");
  }
  Bytes head = to_bytes(as_bytes(kRecordMagic));
  put_number(head, epoch_, 8);
  put_number(head, sequence_ + 1, 8);
  put_number(head, record.size() + kSealOverheadBytes, 4);
  witan::append(head, chain_);
  const Bytes sealed = seal_bytes(key_, with_id(head, id_), record, *random_);
  Bytes blocks = head;
  // Whole blocks, so that nothing of what stood there before remains.
  blocks.reserve(rounded_up(head.size() + sealed.size()));
  witan::append(blocks, sealed);
  blocks.resize(rounded_up(blocks.size()));
  if (tail_ + blocks.size() > allocated_) WITAN_TRY(grow(tail_ + blocks.size() - allocated_));
  WITAN_TRY(disk_->write_journal(tail_, blocks));
  const Result<void> synced = disk_->sync_journal();
  broken_ = !synced;
  WITAN_TRY(synced);
  sequence_ += 1;
  chain_ = link_of(head, sealed);
  tail_ += blocks.size();
  return {};
}

Result<void> MarksJournal::fold(const MarkTable& marks, std::span<const CosignBatch> recent) {
  if (broken_) {
    return fail(ErrorCode::kIo, "an earlier sync of the marks failed: nothing more is written");
  }
  CborWriter writer;
  const Bytes encoded = encode_marks(marks.all());
  writer.reserve(encoded.size() + 64);
  writer.array(4).unsigned_integer(kSnapshotVersion).unsigned_integer(allocated_);
  writer.bytes(encoded).array(recent.size());
  for (const CosignBatch& batch : recent) writer.bytes(encode_batch(batch));
  Bytes head = to_bytes(as_bytes(kSnapshotMagic));
  put_number(head, epoch_ + 1, 8);
  const Bytes sealed = seal_bytes(key_, with_id(head, id_), writer.data(), *random_);
  Bytes file = head;
  file.reserve(head.size() + sealed.size());
  witan::append(file, sealed);
  const Result<void> replaced = disk_->replace_snapshot(file);
  // Which of the two snapshots is there is unknown.
  broken_ = !replaced;
  WITAN_TRY(replaced);
  epoch_ += 1;
  sequence_ = 0;
  chain_ = link_of(head, sealed);
  tail_ = 0;
  return {};
}

}  // namespace witan
