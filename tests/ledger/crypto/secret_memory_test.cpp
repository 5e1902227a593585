// Memory for keys: what another process can see of it. Each test is in a child, since hiding cannot
// be undone.

#include "ledger/crypto/secret_memory.h"

#include <algorithm>
#include <array>
#include <cinttypes>
#include <csignal>
#include <cstdio>
#include <cstring>
#include <fstream>
#include <functional>
#include <iostream>
#include <string>
#include <sys/prctl.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <unistd.h>
#include <utility>
#include <vector>

#include "ledger/crypto/private_key.h"
#include "ledger/crypto/secret.h"
#include "tests/support/catch.h"
#include "tests/support/wait.h"

namespace witan::test {
namespace {

// A child that does something, says bytes, and then waits to be looked at.
class WatchedChild {
 public:
  explicit WatchedChild(const std::function<Bytes()>& act) {
    std::array<int, 2> pipe{};
    REQUIRE(::pipe(pipe.data()) == 0);
    pid_ = ::fork();
    REQUIRE(pid_ >= 0);
    if (pid_ == 0) {
      ::prctl(PR_SET_PDEATHSIG, SIGKILL);
      Bytes bytes = act();
      (void)!::write(pipe[1], bytes.data(), bytes.size());
      wipe(bytes);
      ::close(pipe[1]);
      for (;;) ::pause();
    }
    ::close(pipe[1]);
    std::array<std::uint8_t, 4'096> part{};
    for (ssize_t got = 0; (got = ::read(pipe[0], part.data(), part.size())) > 0;) {
      said.insert(said.end(), part.begin(), part.begin() + got);
    }
    ::close(pipe[0]);
  }
  WatchedChild(const WatchedChild&) = delete;
  WatchedChild& operator=(const WatchedChild&) = delete;
  ~WatchedChild() {
    ::kill(pid_, SIGKILL);
    ::waitpid(pid_, nullptr, 0);
  }

  // Where the bytes are found in what this process may read of it: a line of its map each.
  [[nodiscard]] std::vector<std::string> places_of(BytesView wanted) const {
    std::vector<std::string> out;
    std::ifstream maps("/proc/" + std::to_string(pid_) + "/maps");
    for (std::string line; std::getline(maps, line);) {
      std::uintptr_t begin = 0, end = 0;
      if (std::sscanf(line.c_str(), "%" SCNxPTR "-%" SCNxPTR, &begin, &end) != 2) continue;
      Bytes content(end - begin);
      struct iovec here {
        content.data(), content.size()
      };
      struct iovec there {
        nullptr, content.size()
      };
      std::memcpy(&there.iov_base, &begin, sizeof begin);
      const ssize_t got = ::process_vm_readv(pid_, &here, 1, &there, 1, 0);
      if (got <= 0) continue;
      const auto last = content.begin() + got;
      const auto found = std::search(content.begin(), last, wanted.begin(), wanted.end());
      if (found != last) {
        out.push_back(line + " + " + std::to_string(found - content.begin()));
      }
    }
    return out;
  }

  Bytes said;

 private:
  pid_t pid_ = 0;
};

// A sanitizer maps terabytes for its own notes, and keeps what was freed.
bool cannot_look_into_others() {
  if (kSanitized) std::cout << "secret memory: not looked for: built with a sanitizer\n";
  return kSanitized;
}

// Says it when this kernel has none.
bool lacks_hidden_memory() {
  const WatchedChild child([] { return to_bytes(as_bytes(hide_secret_memory())); });
  if (child.said.empty()) return false;
  const std::string why(as_text(child.said));
  if (why.find("the kernel has no memfd_secret") == std::string::npos) FAIL(why);
  std::cout << "secret memory: not tried: " << why << "\n";
  return true;
}

Bytes reversed(BytesView bytes) {
  return {std::make_reverse_iterator(bytes.end()), std::make_reverse_iterator(bytes.begin())};
}

// The 32 bytes of the scalar in a P-256 key's PKCS#8, behind the head of an OCTET STRING.
BytesView scalar_of(const Bytes& pkcs8) {
  const std::array<std::uint8_t, 5> before{0x02, 0x01, 0x01, 0x04, 0x20};
  const auto at = std::search(pkcs8.begin(), pkcs8.end(), before.begin(), before.end());
  REQUIRE(pkcs8.end() - at >= 37);
  return BytesView(pkcs8).subspan(static_cast<std::size_t>(at - pkcs8.begin()) + 5, 32);
}

// A key of the kind in a child that has signed with it, and its secret.
WatchedChild child_with_key(KeyKind kind, bool hide) {
  return WatchedChild([=] {
    init_crypto();
    if (hide && !hide_secret_memory().empty()) return Bytes();
    static const auto key = PrivateKey::generate(kind);
    if (!key || !key->sign(default_algorithm(kind), Bytes(100, 1))) return Bytes();
    return key->to_secret();
  });
}

}  // namespace

TEST_CASE("secret memory: zeroes, kept, moved and read-only, hidden or not") {
  for (const bool hide : {false, true}) {
    if (hide && lacks_hidden_memory()) return;
    const WatchedChild child([hide] {
      init_crypto();
      if (hide && !hide_secret_memory().empty()) return Bytes{1};
      for (const std::size_t size : {1, 32, 64, 4'096, 10'000}) {
        SecretMemory memory(size);
        const BytesView bytes{memory.data(), memory.size()};
        if (!std::all_of(bytes.begin(), bytes.end(), [](auto byte) { return byte == 0; })) {
          return Bytes{2};
        }
        std::memset(memory.data(), 7, size);
        SecretMemory other = std::move(memory);
        other.make_readonly();
        if (other.size() != size || other.data()[size - 1] != 7) return Bytes{3};
        SecretMemory third;
        third = std::move(other);
        if (third.data()[0] != 7) return Bytes{4};
      }
      return Bytes{0};
    });
    CHECK(child.said == Bytes{0});
  }
}

TEST_CASE("secret memory: a write to read-only memory and one past its end end the process") {
  for (const bool hide : {false, true}) {
    if (hide && lacks_hidden_memory()) return;
    for (const bool past_end : {false, true}) {
      const pid_t child = ::fork();
      REQUIRE(child >= 0);
      if (child == 0) {
        // Whatever a sanitizer would make of it.
        std::signal(SIGSEGV, SIG_DFL);
        std::signal(SIGABRT, SIG_DFL);
        if (hide && !hide_secret_memory().empty()) ::_exit(9);
        SecretMemory memory(32);
        if (!past_end) memory.make_readonly();
        volatile std::uint8_t* const at = memory.data();
        at[past_end ? 32 : 0] = 1;
        ::_exit(0);
      }
      int status = 0;
      REQUIRE(::waitpid(child, &status, 0) == child);
      CHECK(WIFSIGNALED(status));
    }
  }
}

TEST_CASE("secret memory: nobody finds a hidden Ed25519 key from outside, root neither") {
  if (cannot_look_into_others() || lacks_hidden_memory()) return;
  const WatchedChild open = child_with_key(KeyKind::kEd25519, false);
  REQUIRE(open.said.size() == 32);
  const auto seen = open.places_of(open.said);
  if (seen.empty()) {
    std::cout << "secret memory: not tried: this process may not look into others\n";
    return;
  }
  const WatchedChild closed = child_with_key(KeyKind::kEd25519, true);
  REQUIRE(closed.said.size() == 32);
  for (const std::string& place : closed.places_of(closed.said)) UNSCOPED_INFO(place);
  CHECK(closed.places_of(closed.said).empty());
}

// As OpenSSL computes with it. The encoded number is another matter: its encoder leaves copies of
// it in ordinary memory, and the child encodes the key to tell it.
TEST_CASE("secret memory: nobody finds a hidden P-256 key's number as it is used") {
  if (cannot_look_into_others() || lacks_hidden_memory()) return;
  const WatchedChild open = child_with_key(KeyKind::kP256, false);
  const Bytes number = reversed(scalar_of(open.said));
  if (open.places_of(number).empty()) {
    std::cout << "secret memory: not tried: this process may not look into others\n";
    return;
  }
  const WatchedChild closed = child_with_key(KeyKind::kP256, true);
  const Bytes hidden = reversed(scalar_of(closed.said));
  for (const std::string& place : closed.places_of(hidden)) UNSCOPED_INFO(place);
  CHECK(closed.places_of(hidden).empty());
}

TEST_CASE("secret memory: many EC keys at once fit into OpenSSL's hidden heap") {
  if (lacks_hidden_memory()) return;
  const WatchedChild child([] {
    if (!hide_secret_memory().empty()) return Bytes{1};
    std::vector<PrivateKey> keys;
    for (int i = 0; i < 100; ++i) {
      auto key = PrivateKey::generate(KeyKind::kP256);
      if (!key) return Bytes{2};
      keys.push_back(std::move(*key));
    }
    for (const PrivateKey& key : keys) {
      const Bytes message(32, 3);
      const auto signature = key.sign(Algorithm::kEs256, message);
      if (!signature || !key.public_key().verify(Algorithm::kEs256, message, *signature)) {
        return Bytes{3};
      }
    }
    return Bytes{0};
  });
  CHECK(child.said == Bytes{0});
}

}  // namespace witan::test
