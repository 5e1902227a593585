// The list of a backup's files is outside bytes: nothing in it leads out of the folder.
#include <string>

#include "node/witness/backup_files.h"
#include "tests/support/catch.h"

namespace witan::test {
namespace {

BackupList sample_backup() {
  BackupList list;
  list.id = std::string(32, 'a');
  list.name = "witness.example/w";
  list.made_at_s = 7;
  for (const char* path : {"witness.toml", "data/data.mdb", "enclave/marks"}) {
    list.files.push_back({path, 3, std::string(64, '0')});
  }
  return list;
}

TEST_CASE("backup list: written and read again") {
  for (const bool final : {false, true}) {
    BackupList list = sample_backup();
    list.final = final;
    const auto read = BackupList::parse(list.encode());
    REQUIRE(read);
    CHECK(read->final == final);
    CHECK(read->files == list.files);
    CHECK(read->encode() == list.encode());
  }
}

TEST_CASE(
    "backup list: paths that lead out of the folder, and lists of another shape, are refused") {
  for (const std::string path :
       {"../witness.toml", "/etc/passwd", "data/../x", "enclave/a/b", "data/", "", ".", "..",
        "other/x", "data/..", "enclave/.", "data//x"}) {
    INFO(path);
    BackupList list = sample_backup();
    list.files[0].path = path;
    CHECK(BackupList::parse(list.encode()).error().code == ErrorCode::kMalformed);
  }
  BackupList twice = sample_backup();
  twice.files.push_back(twice.files[0]);
  CHECK(!BackupList::parse(twice.encode()));
  BackupList no_digest = sample_backup();
  no_digest.files[1].sha256 = "00";
  CHECK(!BackupList::parse(no_digest.encode()));
  BackupList no_id = sample_backup();
  no_id.id = "x";
  CHECK(!BackupList::parse(no_id.encode()));
  const std::string text = sample_backup().encode();
  for (std::size_t cut = 0; cut + 2 < text.size(); ++cut) {
    CHECK(!BackupList::parse(std::string_view(text).substr(0, cut)));
  }
  CHECK(BackupList::parse("{\"format\":\"other\"}").error().code == ErrorCode::kUnsupported);
  for (const char* json : {"[]", "null", "{\"format\":1}", "{}"}) CHECK(!BackupList::parse(json));
  CHECK(!BackupList::parse(std::string(2u << 20, ' ')));
}

}  // namespace
}  // namespace witan::test
