#include "tests/support/power_cut.h"

#include <algorithm>
#include <cstdint>
#include <cstring>
#include <fstream>
#include <random>
#include <set>
#include <stdexcept>
#include <sys/stat.h>
#include <system_error>
#include <utility>
#include <vector>

#include "tests/e2e/preload/journal.h"
#include "tests/support/test_node.h"

namespace witan::test {
namespace {

namespace fs = std::filesystem;
using powerloss::Kind;
using powerloss::Record;

constexpr std::size_t kSector = 512;

struct Change {
  Record record;
  std::string path, data;
};

// The last record may be cut off, when its process died while writing it; its change was not made.
void read_journal(const std::string& bytes, std::vector<Change>& out) {
  for (std::size_t at = 0; at + sizeof(Record) <= bytes.size();) {
    Change change;
    std::memcpy(&change.record, bytes.data() + at, sizeof(Record));
    at += sizeof(Record);
    if (at + change.record.path_bytes + change.record.data_bytes > bytes.size()) return;
    change.path = bytes.substr(at, change.record.path_bytes);
    at += change.record.path_bytes;
    change.data = bytes.substr(at, change.record.data_bytes);
    at += change.record.data_bytes;
    out.push_back(std::move(change));
  }
}

std::vector<Change> read_journals(const fs::path& journal) {
  std::vector<Change> changes;
  for (const auto& entry : fs::directory_iterator(journal)) {
    if (entry.path().extension() == ".journal") read_journal(read_text(entry.path()), changes);
  }
  std::stable_sort(changes.begin(), changes.end(), [](const Change& a, const Change& b) {
    return a.record.time_ns < b.record.time_ns;
  });
  return changes;
}

void put(std::string& content, std::size_t offset, const std::string& bytes) {
  if (content.size() < offset + bytes.size()) content.resize(offset + bytes.size(), '\0');
  content.replace(offset, bytes.size(), bytes);
}

// A file's content on the disk, from what the kernel has.
std::string durable_content(std::string content, const std::vector<const Change*>& unsynced) {
  for (auto at = unsynced.rbegin(); at != unsynced.rend(); ++at) {
    const Record& record = (*at)->record;
    if (record.kind != Kind::kWrite) continue;
    put(content, record.offset, (*at)->data);
    content.resize(record.file_bytes, '\0');
  }
  for (const Change* change : unsynced) {
    if (change->record.kind == Kind::kDurableWrite)
      put(content, change->record.offset, change->data);
  }
  return content;
}

// Some sectors as they are in the kernel, the others as they are on the disk.
std::string mixed_content(const std::string& kernel, std::string disk,
                          const std::vector<const Change*>& unsynced, std::mt19937& random) {
  std::set<std::size_t> sectors;
  for (const Change* change : unsynced) {
    if (change->record.kind != Kind::kWrite) continue;
    const std::size_t end = change->record.offset + change->record.changed_bytes;
    for (std::size_t at = change->record.offset / kSector; at * kSector < end; ++at) {
      sectors.insert(at);
    }
  }
  for (const std::size_t sector : sectors) {
    const std::size_t at = sector * kSector;
    if (random() % 2 == 0 || at >= kernel.size()) continue;
    put(disk, at, kernel.substr(at, kSector));
  }
  return disk;
}

fs::path file_of_inode(const fs::path& folder, std::uint64_t inode) {
  for (const auto& entry : fs::recursive_directory_iterator(folder)) {
    struct stat status {};
    if (::lstat(entry.path().c_str(), &status) == 0 && status.st_ino == inode) return entry.path();
  }
  return {};
}

// The changes of names that no sync of their folder followed, newest first.
std::vector<const Change*> unsynced_names(const std::vector<Change>& changes) {
  std::vector<const Change*> names;
  for (const Change& change : changes) {
    const Kind kind = change.record.kind;
    if (kind == Kind::kCreate || kind == Kind::kRename || kind == Kind::kUnlink) {
      names.insert(names.begin(), &change);
    } else if (kind == Kind::kFolderSync) {
      const auto synced = [&](const Change* name) {
        return fs::path(name->path).parent_path() == fs::path(change.path);
      };
      names.erase(std::remove_if(names.begin(), names.end(), synced), names.end());
    }
  }
  return names;
}

void undo_name(const Change& change, const fs::path& journal) {
  std::error_code ignored;
  const fs::path kept = journal / (std::to_string(change.record.offset) + ".kept");
  switch (change.record.kind) {
    case Kind::kCreate:
      fs::remove(change.path, ignored);
      break;
    case Kind::kRename:
      fs::rename(change.data, change.path, ignored);
      if (change.record.offset != 0) fs::create_hard_link(kept, change.data, ignored);
      break;
    case Kind::kUnlink:
      if (change.record.offset != 0) fs::create_hard_link(kept, change.path, ignored);
      break;
    default:
      break;
  }
}

}  // namespace

PowerCut::PowerCut(fs::path folder, fs::path journal)
    : folder_(std::move(folder)), journal_(std::move(journal)) {}

std::map<std::string, std::string> PowerCut::environment(const std::string& left_out,
                                                         unsigned enclave_syncs) const {
  return {
      {"LD_PRELOAD", std::string(WITAN_BINARY_DIR) + "/lib/libpowerloss_preload.so"},
      {powerloss::kFolderVariable, folder_.string()},
      {powerloss::kJournalVariable, journal_.string()},
      {powerloss::kDropVariable, left_out},
      {powerloss::kCutVariable, enclave_syncs == 0 ? "" : std::to_string(enclave_syncs)},
  };
}

std::size_t PowerCut::cut(std::optional<unsigned> seed) {
  std::mt19937 random(seed.value_or(0));
  const std::vector<Change> changes = read_journals(journal_);
  std::map<std::uint64_t, std::vector<const Change*>> unsynced;  // by inode
  for (const Change& change : changes) {
    const Kind kind = change.record.kind;
    if (kind == Kind::kSync) unsynced[change.record.inode].clear();
    if (kind == Kind::kWrite || kind == Kind::kDurableWrite) {
      unsynced[change.record.inode].push_back(&change);
    }
  }
  std::size_t lost = 0;
  for (const auto& [inode, list] : unsynced) {
    const fs::path file = file_of_inode(folder_, inode);
    if (file.empty() || list.empty()) continue;
    for (const Change* change : list) lost += change->record.kind == Kind::kWrite ? 1 : 0;
    const std::string kernel = read_text(file);
    std::string disk = durable_content(kernel, list);
    write_text(file, seed ? mixed_content(kernel, std::move(disk), list, random) : disk);
  }
  const std::vector<const Change*> names = unsynced_names(changes);
  // File systems write names in their order: what is lost is the newest of them.
  const std::size_t lost_names = seed ? random() % (names.size() + 1) : names.size();
  for (std::size_t i = 0; i < lost_names; ++i) undo_name(*names[i], journal_);
  for (const auto& entry : fs::directory_iterator(journal_)) fs::remove_all(entry.path());
  return lost + lost_names;
}

}  // namespace witan::test
