// Many clients at once, and a disk that is full: over real HTTP, with the real signer.
#include <algorithm>
#include <atomic>
#include <cerrno>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <iostream>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <sys/mount.h>
#include <thread>
#include <vector>

#include "tests/e2e/smoke_witness.h"
#include "tests/support/catch.h"
#include "tests/witness/cosign_world.h"

namespace witan::test {
namespace {

namespace fs = std::filesystem;

// All clients of this test have one address.
void lift_rate(const SmokeWitness& witness) {
  const fs::path file = witness.paths().dir / "witness.toml";
  std::string toml = read_text(file);
  const std::string limited = "rate_per_s = 200";
  const auto at = toml.find(limited);
  if (at == std::string::npos) throw std::runtime_error("no rate in witness.toml");
  write_text(file, toml.replace(at, limited.size(), "rate_per_s = 0"));
}

TEST_CASE("1,000 clients race on one log: one history, and nothing that was answered is lost") {
  constexpr std::size_t kThreads = 25, kClientsEach = 40;
  SmokeWitness witness;
  CosignWorld log;
  REQUIRE(witness.verb({"add-log", log.key.vkey.text()}).exit_code == 0);
  lift_rate(witness);
  witness.start();
  const VerifierKey key = witness.vkey();
  std::mutex mutex;
  std::map<std::size_t, std::size_t> won;  // from which size to which
  std::atomic<unsigned> wrong{0}, conflicts{0}, twice{0};
  std::vector<std::thread> threads;
  for (std::size_t t = 0; t < kThreads; ++t) {
    threads.emplace_back([&, t] {
      std::vector<std::unique_ptr<http::Client>> clients;
      for (std::size_t c = 0; c < kClientsEach; ++c) {
        clients.push_back(http::Client::make(witness.url()).value());
      }
      std::size_t from = 0;
      for (std::size_t c = 0; c < kClientsEach; ++c) {
        const std::size_t to = std::min<std::size_t>(70, from + 1 + (t + c) % 3);
        if (to == from) break;
        std::unique_lock writing(mutex);  // the reference tree keeps what it has computed
        const std::string body = log.request(from, to).encode();
        writing.unlock();
        const auto answer = clients[c]->post("/add-checkpoint", as_bytes(body), "text/plain");
        if (answer && answer->status == 409) {
          ++conflicts;
          from = std::stoul(text_of(*answer));
          continue;
        }
        const auto lines = answer && answer->status == 200
                               ? parse_signature_lines(text_of(*answer))
                               : Result<std::vector<NoteSignature>>(fail(ErrorCode::kIo, ""));
        if (!lines || !verify_note(Note{log.text(to), *lines}, key)) {
          ++wrong;
          continue;
        }
        const std::lock_guard lock(mutex);
        twice += won.emplace(from, to).second ? 0 : 1;
        from = to;
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  CHECK(wrong == 0);
  CHECK(twice == 0);  // two winners from one size would be two histories
  CHECK(conflicts > 0);
  std::size_t stands = 0;
  std::size_t steps = 0;
  while (won.count(stands) != 0) {
    stands = won.at(stands);
    ++steps;
  }
  CHECK(steps == won.size());
  CHECK(witness.listed()[0]["size"] == stands);
  std::cout << "race: " << steps << " won, " << conflicts << " conflicts\n";
  witness.kill_hard();
  witness.start();
  CHECK(witness.listed()[0]["size"] == stands);
}

TEST_CASE(
    "a full disk under a running witness: 503, nothing half-written, and on when there is room") {
  SmokeWitness made;
  const fs::path dir = made.folder().path() / "small";
  fs::create_directory(dir);
  if (::mount("tmpfs", dir.c_str(), "tmpfs", 0, "size=4m,mode=0700") != 0) {
    std::cout << "full disk: skipped, cannot mount a small one: " << std::strerror(errno) << "\n";
    return;
  }
  struct Unmount {
    const fs::path& dir;
    ~Unmount() { ::umount2(dir.c_str(), MNT_DETACH); }
  } unmount{dir};
  fs::copy(made.paths().dir, dir, fs::copy_options::recursive);
  for (const char* folder : {"data", "enclave"}) {
    fs::permissions(dir / folder, fs::perms::owner_all);
  }
  SmokeWitness witness;
  witness.use(dir);
  lift_rate(witness);
  CosignWorld log;
  constexpr std::size_t kLogs = 300;
  std::string list = "logs/v0\n";
  for (std::size_t i = 0; i < kLogs; ++i) {
    list += "vkey " + log.key.vkey.text() + "\norigin many.example/" + std::to_string(i) + "\n";
  }
  write_text(made.folder().at("list"), list);
  REQUIRE(witness.verb({"pull-logs", made.folder().at("list")}).exit_code == 0);
  witness.start();
  const auto post = [&](std::size_t i, std::size_t from, std::size_t to) {
    log.origin = "many.example/" + std::to_string(i);
    return witness.post(log.request(from, to).encode()).value();
  };
  REQUIRE(post(0, 0, 5).status == 200);
  const fs::path filler = dir / "filler";
  {
    std::ofstream out(filler, std::ios::binary);
    const std::string block(4'096, 'f');
    while (out.write(block.data(), static_cast<std::streamsize>(block.size())).flush()) {
    }
  }
  std::size_t full_at = 1;
  http::ClientResponse refused;
  for (; full_at < kLogs; ++full_at) {
    refused = post(full_at, 0, 5);
    if (refused.status != 200) break;
  }
  INFO(text_of(refused));
  REQUIRE(refused.status == 503);
  CHECK(refused.header("retry-after"));
  CHECK(witness.get("/healthz").status == 503);
  log.origin = "many.example/0";
  CHECK(witness.get("/" + origin_hash(log.origin) + "/checkpoint").status == 200);
  fs::remove(filler);
  // It may have been signed before the store was full.
  const unsigned status = post(full_at, 0, 5).status;
  INFO(witness.printed());
  CHECK((status == 200 || status == 409));
  CHECK(witness.get("/healthz").status == 200);
  CHECK(post(full_at, 5, 6).status == 200);
  witness.kill_hard();
  witness.start();
  for (std::size_t i = 0; i <= full_at; ++i) {
    const auto conflict = post(i, 69, 70);
    CHECK(text_of(conflict) == (i == full_at ? "6\n" : "5\n"));
  }
  witness.kill_hard();
}

}  // namespace
}  // namespace witan::test
