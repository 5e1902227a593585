// The cosigner as a process of its own, spoken to through its client.

#include <chrono>
#include <csignal>
#include <cstdint>
#include <filesystem>
#include <fstream>
#include <iostream>
#include <memory>
#include <string>
#include <sys/resource.h>
#include <sys/types.h>
#include <thread>
#include <vector>

#include "enclave/client.h"
#include "enclave/cosigner_folder.h"
#include "enclave/in_process.h"
#include "tests/enclave/cosigner_support.h"
#include "tests/enclave/enclave_support.h"

namespace witan::test {
namespace {

namespace fs = std::filesystem;

std::unique_ptr<EnclaveProcess> start_cosigner(const fs::path& folder) {
  init_crypto();
  auto process = EnclaveProcess::start(enclave_program(), folder);
  if (!process) FAIL(process.error().message);
  return std::move(*process);
}

Error cosigner_refusal(const fs::path& folder) {
  const auto process = EnclaveProcess::start(enclave_program(), folder);
  REQUIRE(!process);
  return process.error();
}

Cosigned cosigned(Cosigner& cosigner, const CosignRequest& request, std::uint64_t time_s) {
  const auto results = cosigner.cosign(std::span(&request, 1), time_s);
  if (!results) FAIL(results.error().message);
  REQUIRE(results->front());
  return *results->front();
}

void flip_byte(const fs::path& path, std::streamoff at) {
  std::fstream file(path, std::ios::in | std::ios::out | std::ios::binary);
  file.seekg(at);
  const char byte = static_cast<char>(file.get());
  file.seekp(at);
  file.put(static_cast<char>(byte ^ 1));
}

std::uint64_t resident_kib(pid_t pid, const std::string& field) {
  std::ifstream status("/proc/" + std::to_string(pid) + "/status");
  for (std::string line; std::getline(status, line);) {
    if (line.rfind(field, 0) == 0) return std::stoull(line.substr(field.size()));
  }
  return 0;
}

}  // namespace

TEST_CASE("cosigner process: a log and a cosigner live side by side in one enclave") {
  TemporaryFolder folder;
  const UniformLog log("log.example");
  VerifierKey key;
  {
    const auto process = start_cosigner(folder.path());
    CHECK(process->cosigner_state().error().code == ErrorCode::kNotFound);
    CHECK(process->mark("log.example").error().code == ErrorCode::kNotFound);
    const auto made = process->init_cosigner(kCosignerName);
    REQUIRE(made);
    key = made->keys.at(0);
    REQUIRE(process->init("own.example", "https://own.example"));
    REQUIRE(process->append(TreeSize{0}, numbered_entries(0, 2), 1));
    const Cosigned first = cosigned(*process, log.request(0, 1U << 30U), kCosignTime);
    check_cosigned(first, key);
    CHECK(*process->mark("log.example") == log.mark(1U << 30U));
    CHECK(process->init_cosigner("other.example").error().code == ErrorCode::kConflict);
    CHECK(process->restarts() == 0);
  }
  const auto process = start_cosigner(folder.path());
  CHECK(process->cosigner_state()->keys.at(0) == key);
  CHECK(process->cosigner_state()->last.size() == 1);
  CHECK(process->attest({})->size.value == 2);
  const auto late = cosigned(*process, log.request(1U << 30U, (1U << 30U) + 1), 1);
  CHECK(late.time_s == kCosignTime);
}

TEST_CASE("cosigner process: killed at any moment of a batch, the repetition is answered") {
  TemporaryFolder folder;
  const auto process = start_cosigner(folder.path());
  const auto made = process->init_cosigner(kCosignerName);
  REQUIRE(made);
  const UniformLog log("log.example"), other("other.example");
  constexpr std::uint64_t kKills = 40;
  std::vector<Cosigned> before;
  for (std::uint64_t i = 0; i < kKills; ++i) {
    const std::vector<CosignRequest> batch = {
        log.request(i, i + 1), other.request(2 * i, 2 * i + 2), log.request(i, i + 2)};
    const pid_t victim = process->pid();
    std::thread killer([victim, i] {
      const auto until = std::chrono::steady_clock::now() + std::chrono::microseconds(50 * i);
      while (std::chrono::steady_clock::now() < until) std::this_thread::yield();
      ::kill(victim, SIGKILL);
    });
    const auto results = process->cosign(batch, kCosignTime + i);
    killer.join();
    REQUIRE(results);
    REQUIRE((*results)[0]);
    REQUIRE((*results)[1]);
    REQUIRE(!(*results)[2]);
    REQUIRE((*results)[2].error().size == i + 1);
    check_cosigned(*(*results)[0], made->keys[0]);
    std::vector<Cosigned> last = before;
    before = only_cosigned(*results);
    last.insert(last.end(), before.begin(), before.end());
    REQUIRE(process->cosigner_state()->last == last);
  }
  CHECK(process->restarts() > 0);
}

TEST_CASE("cosigner process: changed, missing and open files are refused, naming the way out") {
  TemporaryFolder folder;
  const UniformLog log("log.example");
  {
    const auto process = start_cosigner(folder.path());
    REQUIRE(process->init_cosigner(kCosignerName));
    for (std::uint64_t i = 0; i < 3; ++i)
      (void)cosigned(*process, log.request(i, i + 1), kCosignTime);
  }
  flip_byte(folder.path() / "marks", 4'096 + 100);
  const Error damaged = cosigner_refusal(folder.path());
  CHECK(damaged.code == ErrorCode::kMalformed);
  CHECK_THAT(damaged.message, ContainsSubstring("record 2 of epoch 1") &&
                                  ContainsSubstring("record 3 of epoch 1") &&
                                  ContainsSubstring("new witness"));
  flip_byte(folder.path() / "marks", 4'096 + 100);
  for (const char* name : {"cosigner", "marks", "marks.snapshot"}) {
    const fs::path path = folder.path() / name;
    fs::permissions(path, fs::perms(0644));
    CHECK_THAT(cosigner_refusal(folder.path()).message,
               ContainsSubstring(name) && ContainsSubstring("0600"));
    fs::permissions(path, fs::perms(0600));
    if (std::string(name) == "cosigner") continue;
    fs::rename(path, folder.path() / "away");
    CHECK(cosigner_refusal(folder.path()).code == ErrorCode::kStale);
    fs::rename(folder.path() / "away", path);
  }
  fs::rename(folder.path() / "machine.key", folder.path() / "away");
  CHECK(cosigner_refusal(folder.path()).code == ErrorCode::kStale);
  fs::rename(folder.path() / "away", folder.path() / "machine.key");
  CHECK(*start_cosigner(folder.path())->mark("log.example") == log.mark(3));
}

TEST_CASE("cosigner process: what a killed fold left behind is removed at the next start") {
  TemporaryFolder folder;
  REQUIRE(start_cosigner(folder.path())->init_cosigner(kCosignerName));
  const std::vector<std::string> names = {"marks.snapshot.tmp-aB3xYz", "marks.tmp-000000",
                                          "cosigner.tmp-111111", "held.tmp-222222"};
  for (const std::string& name : names) std::ofstream(folder.path() / name) << "half";
  std::ofstream(folder.path() / "marks.old") << "somebody's";
  CHECK(start_cosigner(folder.path())->cosigner_state()->name == kCosignerName);
  for (const std::string& name : names) CHECK_FALSE(fs::exists(folder.path() / name));
  CHECK(fs::exists(folder.path() / "marks.old"));
  CHECK(fs::exists(folder.path() / "marks.snapshot"));
}

TEST_CASE("cosigner process: a disk that takes no more bytes stops cosigning, and only that") {
  TemporaryFolder folder;
  const auto process = start_cosigner(folder.path());
  REQUIRE(process->init_cosigner(kCosignerName));
  const UniformLog log("log.example");
  (void)cosigned(*process, log.request(0, 5), kCosignTime);
  struct rlimit before {};
  const struct rlimit nothing { 0, RLIM_INFINITY };
  REQUIRE(::prlimit(process->pid(), RLIMIT_FSIZE, &nothing, &before) == 0);
  const CosignRequest next = log.request(5, 6);
  CHECK(process->cosign(std::span(&next, 1), kCosignTime).error().code == ErrorCode::kIo);
  CHECK(*process->mark("log.example") == log.mark(5));
  REQUIRE(::prlimit(process->pid(), RLIMIT_FSIZE, &before, nullptr) == 0);
  (void)cosigned(*process, next, kCosignTime);
  CHECK(process->restarts() == 0);
}

TEST_CASE("cosigner process: batches that are too large are refused before they are sent") {
  TemporaryFolder folder;
  const auto process = start_cosigner(folder.path());
  REQUIRE(process->init_cosigner(kCosignerName));
  const UniformLog log("log.example");
  const std::vector<CosignRequest> many(limits::kCosignBatchMax + 1, log.request(0, 1));
  CHECK(process->cosign(many, kCosignTime).error().code == ErrorCode::kTooLarge);
  CosignRequest large = log.request(0, 1);
  large.request.note.resize(limits::kNoteBytesMax);
  const std::vector<CosignRequest> bytes(5, large);
  CHECK(process->cosign(bytes, kCosignTime).error().code == ErrorCode::kTooLarge);
  CHECK(process->restarts() == 0);
}

TEST_CASE("cosigner process: 40,000 origins start at once and take little memory") {
  TemporaryFolder folder;
  init_crypto();
  {
    auto in_process = InProcessCosigner::open(system_random(), folder.path());
    REQUIRE(in_process);
    REQUIRE((*in_process)->init_cosigner(kCosignerName));
  }
  {
    auto locked = StateFolder::open(folder.path());
    REQUIRE(locked);
    CosignerFolder disk(folder.path());
    auto key = locked->machine_key(system_random());
    REQUIRE(key);
    auto journal = MarksJournal::open(disk, std::move(*key), system_random());
    REQUIRE(journal);
    MarkTable marks;
    for (std::uint64_t i = 0; i < 40'000; ++i) {
      const Hash32 entry = numbered_entry(i);
      marks.set({entry, CosignMark{TreeSize{i}, entry}});
    }
    REQUIRE((*journal)->fold(marks, {}));
  }
  const auto begin = std::chrono::steady_clock::now();
  const auto process = start_cosigner(folder.path());
  const std::chrono::duration<double, std::milli> time = std::chrono::steady_clock::now() - begin;
  CHECK(process->cosigner_state()->marks == 40'000);
  const auto all = all_marks(*process);
  REQUIRE(all);
  REQUIRE(all->size() == 40'000);
  CHECK(process->marks(0)->size() == limits::kMarksPageMax);
  for (std::uint64_t i = 0; i < all->size(); ++i) {
    const Hash32 entry = numbered_entry(i);
    REQUIRE((*all)[i] == OriginMark{entry, CosignMark{TreeSize{i}, entry}});
  }
  const std::uint64_t peak = resident_kib(process->pid(), "VmHWM:");
  std::cout << "cosigner of 40,000 origins: started in " << time.count() << " ms, "
            << resident_kib(process->pid(), "VmRSS:") << " KiB resident, peak " << peak << " KiB\n";
  CHECK(peak < 150'000);
}

}  // namespace witan::test
