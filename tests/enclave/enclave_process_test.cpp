// The signer as a process of its own, spoken to through its client.

#include <algorithm>
#include <array>
#include <chrono>
#include <csignal>
#include <filesystem>
#include <fstream>
#include <iostream>
#include <iterator>
#include <poll.h>
#include <string>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <thread>
#include <unistd.h>
#include <vector>

#include "enclave/client.h"
#include "ledger/attestation/evidence.h"
#include "ledger/crypto/file_digest.h"
#include "ledger/crypto/secret.h"
#include "tests/enclave/enclave_support.h"
#include "tests/enclave/signed_head_check.h"
#include "tests/support/catch.h"

namespace witan::test {
namespace {

namespace fs = std::filesystem;
using namespace std::chrono_literals;

std::unique_ptr<EnclaveProcess> start(const fs::path& folder, EnclaveOptions options = {}) {
  init_crypto();
  auto process = EnclaveProcess::start(enclave_program(), folder, options);
  if (!process) FAIL(process.error().message);
  return std::move(*process);
}

Error refusal(const fs::path& folder) {
  init_crypto();
  const auto process = EnclaveProcess::start(enclave_program(), folder);
  REQUIRE(!process);
  return process.error();
}

// A folder with a log of two leaves.
void make_log(const fs::path& folder) {
  const auto process = start(folder);
  REQUIRE(process->init(kOrigin, kIssuer));
  REQUIRE(process->append(TreeSize{0}, numbered_entries(0, 2), 1));
}

void change_byte(const fs::path& path, std::streamoff at) {
  std::fstream file(path, std::ios::in | std::ios::out | std::ios::binary);
  file.seekg(at);
  const char byte = static_cast<char>(file.get());
  file.seekp(at);
  file.put(static_cast<char>(byte ^ 1));
}

bool ends_within(pid_t pid, std::chrono::milliseconds time) {
  const int process = static_cast<int>(::syscall(SYS_pidfd_open, pid, 0));
  if (process < 0) return true;
  struct pollfd entry {
    process, POLLIN, 0
  };
  const int ready = ::poll(&entry, 1, static_cast<int>(time.count()));
  ::close(process);
  return ready == 1;
}

}  // namespace

TEST_CASE("enclave process: keys, heads and evidence of grade process come from the program") {
  TemporaryFolder folder;
  const auto process = start(folder.path());
  const auto made = process->init(kOrigin, kIssuer);
  REQUIRE(made);
  const auto head = process->append(TreeSize{0}, numbered_entries(0, 3), 1'700'000'000'000);
  REQUIRE(head);
  check_signatures(*made, *head);
  const Bytes nonce(64, 9);
  const auto state = process->attest(nonce);
  REQUIRE(state);
  CHECK(state->last == *head);
  const auto vkey = VerifierKey::make(kOrigin, NoteAlgorithm::kEd25519, state->note_key);
  const auto evidence = verify_evidence(state->evidence, nonce, *vkey);
  REQUIRE(evidence);
  CHECK(evidence->grade == Grade::kProcess);
  const auto measured = file_digest(enclave_program().string(), -16);
  REQUIRE(measured);
  CHECK(equal(evidence->measurement, *measured));
  const auto foreign = process->init("other.example", kIssuer);
  REQUIRE(!foreign);
  CHECK(foreign.error().code == ErrorCode::kConflict);
}

TEST_CASE("enclave process: killed at any moment of an append, the repetition is answered") {
  TemporaryFolder folder;
  const auto process = start(folder.path());
  REQUIRE(process->init(kOrigin, kIssuer));
  Frontier frontier;
  constexpr std::uint64_t kKills = 50;
  for (std::uint64_t i = 0; i < kKills; ++i) {
    const auto entries = numbered_entries(3 * i, 3);
    const pid_t victim = process->pid();
    REQUIRE(victim > 0);
    std::thread killer([victim, i] {
      // A moment that differs from kill to kill and ends by itself.
      const auto until = std::chrono::steady_clock::now() + std::chrono::microseconds(20 * i);
      while (std::chrono::steady_clock::now() < until) std::this_thread::yield();
      ::kill(victim, SIGKILL);
    });
    const auto head = process->append(TreeSize{3 * i}, entries, i);
    killer.join();
    REQUIRE(head);
    for (const Hash32& entry : entries) frontier.append(leaf_hash(entry));
    REQUIRE(head->head.root == frontier.root());
    REQUIRE(process->attest({})->last == *head);
  }
  CHECK(process->restarts() > 0);
  CHECK(process->restarts() <= kKills);
}

TEST_CASE("enclave process: another process on the folder is refused until the first has ended") {
  TemporaryFolder folder;
  {
    const auto first = start(folder.path());
    const Error error = refusal(folder.path());
    CHECK(error.code == ErrorCode::kConflict);
    CHECK_THAT(error.message, ContainsSubstring(std::to_string(first->pid())));
  }
  CHECK(start(folder.path()));
}

TEST_CASE("enclave process: a mode that lets others in is refused with what was found") {
  TemporaryFolder folder;
  make_log(folder.path());
  for (const char* name : {"state", "machine.key"}) {
    fs::permissions(folder.path() / name, fs::perms(0644));
    const Error error = refusal(folder.path());
    CHECK(error.code == ErrorCode::kIo);
    CHECK_THAT(error.message,
               ContainsSubstring(name) && ContainsSubstring("0644") && ContainsSubstring("0600"));
    fs::permissions(folder.path() / name, fs::perms(0600));
  }
  fs::permissions(folder.path(), fs::perms(0755));
  const Error error = refusal(folder.path());
  CHECK(error.code == ErrorCode::kIo);
  CHECK_THAT(error.message, ContainsSubstring("0755") && ContainsSubstring("0700"));
  fs::permissions(folder.path(), fs::perms(0700));
  CHECK(start(folder.path())->attest({})->size.value == 2);
}

TEST_CASE("enclave process: a state that is cut, changed or without its key is refused") {
  TemporaryFolder folder;
  make_log(folder.path());
  const fs::path state = folder.path() / "state", key = folder.path() / "machine.key";
  const fs::path saved = folder.path() / "saved";
  fs::copy_file(state, saved);
  fs::resize_file(state, 1'000);
  CHECK(refusal(folder.path()).code == ErrorCode::kMalformed);
  fs::copy_file(saved, state, fs::copy_options::overwrite_existing);
  change_byte(state, 50);
  change_byte(state, static_cast<std::streamoff>(kSlotBytes) + 50);
  CHECK(refusal(folder.path()).code == ErrorCode::kMalformed);
  fs::copy_file(saved, state, fs::copy_options::overwrite_existing);
  fs::rename(key, folder.path() / "away");
  CHECK(refusal(folder.path()).code == ErrorCode::kStale);
  fs::rename(folder.path() / "away", key);
  change_byte(key, 0);
  CHECK(refusal(folder.path()).code == ErrorCode::kMalformed);
  change_byte(key, 0);
  fs::resize_file(key, 31);
  CHECK_THAT(refusal(folder.path()).message, ContainsSubstring("31 bytes, expected 32"));
}

TEST_CASE("enclave process: a disk that takes no more bytes stops signing, and only that") {
  TemporaryFolder folder;
  const auto process = start(folder.path());
  REQUIRE(process->init(kOrigin, kIssuer));
  const auto first = process->append(TreeSize{0}, numbered_entries(0, 2), 1);
  REQUIRE(first);
  struct rlimit before {};
  const struct rlimit nothing { 0, RLIM_INFINITY };
  REQUIRE(::prlimit(process->pid(), RLIMIT_FSIZE, &nothing, &before) == 0);
  const auto refused = process->append(TreeSize{2}, numbered_entries(2, 2), 2);
  REQUIRE(!refused);
  CHECK(refused.error().code == ErrorCode::kIo);
  CHECK(process->attest({})->last == *first);
  REQUIRE(::prlimit(process->pid(), RLIMIT_FSIZE, &before, nullptr) == 0);
  CHECK(process->append(TreeSize{2}, numbered_entries(2, 2), 2));
  CHECK(process->restarts() == 0);
}

TEST_CASE("enclave process: a late reply kills the process, and the next call starts it again") {
  TemporaryFolder folder;
  make_log(folder.path());
  EnclaveOptions options;
  options.deadline = 5s;  // long enough for a busy machine to start it
  const auto process = start(folder.path(), options);
  const pid_t stopped = process->pid();
  REQUIRE(::kill(stopped, SIGSTOP) == 0);
  const auto late = process->append(TreeSize{2}, numbered_entries(2, 1), 1);
  REQUIRE(!late);
  CHECK(late.error().code == ErrorCode::kTimeout);
  CHECK(process->pid() == 0);
  CHECK(process->append(TreeSize{2}, numbered_entries(2, 1), 1));
  CHECK(process->restarts() == 1);
}

TEST_CASE("enclave process: when it cannot be started again the caller learns why") {
  TemporaryFolder folder;
  make_log(folder.path());
  const auto process = start(folder.path());
  fs::permissions(folder.path() / "state", fs::perms(0640));
  ::kill(process->pid(), SIGKILL);
  const auto gone = process->attest({});
  REQUIRE(!gone);
  CHECK(gone.error().code == ErrorCode::kUnavailable);
  CHECK_THAT(gone.error().message, ContainsSubstring("0640"));
  fs::permissions(folder.path() / "state", fs::perms(0600));
  CHECK(process->attest({})->size.value == 2);
}

TEST_CASE("enclave process: a missing or wrong program is named") {
  TemporaryFolder folder;
  const auto missing = EnclaveProcess::start(folder.path() / "none", folder.path());
  REQUIRE(!missing);
  CHECK(missing.error().code == ErrorCode::kNotFound);
  const auto wrong = EnclaveProcess::start("/bin/true", folder.path());
  REQUIRE(!wrong);
  CHECK(wrong.error().code == ErrorCode::kUnavailable);
  CHECK_THAT(wrong.error().message, ContainsSubstring("code 0"));
}

TEST_CASE("enclave process: the terminal's signals do not end it, its parent's death does") {
  TemporaryFolder folder;
  {
    const auto process = start(folder.path());
    for (const int signal : {SIGINT, SIGTERM, SIGHUP}) ::kill(process->pid(), signal);
    REQUIRE(process->init(kOrigin, kIssuer));
    CHECK(process->restarts() == 0);
  }
  std::array<int, 2> pipe{};
  REQUIRE(::pipe(pipe.data()) == 0);
  const pid_t parent = ::fork();
  REQUIRE(parent >= 0);
  if (parent == 0) {
    const auto process = EnclaveProcess::start(enclave_program(), folder.path());
    const pid_t enclave = process ? (*process)->pid() : 0;
    (void)!::write(pipe[1], &enclave, sizeof enclave);
    ::raise(SIGKILL);
  }
  pid_t enclave = 0;
  REQUIRE(::read(pipe[0], &enclave, sizeof enclave) == sizeof enclave);
  REQUIRE(enclave > 0);
  CHECK(ends_within(enclave, 10s));
  ::waitpid(parent, nullptr, 0);
  ::close(pipe[0]);
  ::close(pipe[1]);
}

TEST_CASE("enclave process: the end of the thread that started it does not end it") {
  TemporaryFolder folder;
  std::unique_ptr<EnclaveProcess> process;
  std::thread([&] { process = start(folder.path()); }).join();
  REQUIRE(process->init(kOrigin, kIssuer));
  CHECK(process->restarts() == 0);
}

TEST_CASE("enclave process: it can gain no privileges and holds no descriptor of its parent") {
  TemporaryFolder folder;
  const auto process = start(folder.path());
  const fs::path proc = fs::path("/proc") / std::to_string(process->pid());
  std::ifstream in(proc / "status");
  const std::string status{std::istreambuf_iterator<char>(in), {}};
  CHECK_THAT(status, ContainsSubstring("NoNewPrivs:\t1"));
  // Not dumpable, so only root may look into it.
  std::error_code error;
  std::size_t files = 0;
  for (fs::directory_iterator at(proc / "fd", error), end; !error && at != end;
       at.increment(error)) {
    ++files;
  }
  if (::geteuid() != 0) CHECK(error);
  CHECK(files <= 5);  // 0 to 3 and the lock
}

TEST_CASE("enclave process: an append of 256 entries is sealed, synced and signed in time") {
  TemporaryFolder folder;
  const auto process = start(folder.path());
  REQUIRE(process->init(kOrigin, kIssuer));
  std::vector<double> times_ms;
  for (std::uint64_t i = 0; i < 200; ++i) {
    const auto entries = numbered_entries(256 * i, 256);
    const auto begin = std::chrono::steady_clock::now();
    REQUIRE(process->append(TreeSize{256 * i}, entries, i));
    const std::chrono::duration<double, std::milli> time = std::chrono::steady_clock::now() - begin;
    times_ms.push_back(time.count());
  }
  std::sort(times_ms.begin(), times_ms.end());
  std::cout << "enclave append of 256 entries: median " << times_ms[100] << " ms, p99 "
            << times_ms[198] << " ms\n";
  CHECK(times_ms[100] < 100);
}

}  // namespace witan::test
