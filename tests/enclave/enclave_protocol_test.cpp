// Messages: their encoding, and a hostile parent on the enclave's socket.

#include <array>
#include <cstdint>
#include <fcntl.h>
#include <iostream>
#include <optional>
#include <random>
#include <string>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>
#include <utility>
#include <variant>
#include <vector>

#include "config/limits.h"
#include "enclave/framing.h"
#include "enclave/messages.h"
#include "ledger/crypto/secret.h"
#include "tests/enclave/enclave_support.h"
#include "tests/support/catch.h"

namespace witan::test {
namespace {

// The program with nothing between it and the test.
class RawEnclave {
 public:
  explicit RawEnclave(const std::vector<std::string>& arguments, bool with_socket = true) {
    std::array<int, 2> pair{};
    REQUIRE(::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair.data()) == 0);
    const std::string program = enclave_program().string();
    std::vector<char*> argv{const_cast<char*>("witan-enclave")};
    for (const std::string& argument : arguments)
      argv.push_back(const_cast<char*>(argument.c_str()));
    argv.push_back(nullptr);
    pid_ = ::fork();
    REQUIRE(pid_ >= 0);
    if (pid_ == 0) {
      const int quiet = ::open("/dev/null", O_RDWR);
      ::dup2(quiet, 1);
      ::dup2(quiet, 2);
      const int other = with_socket ? ::fcntl(pair[1], F_DUPFD, 10) : quiet;
      ::dup2(other, 3);
      ::execv(program.c_str(), argv.data());
      ::_exit(127);
    }
    ::close(pair[1]);
    socket_ = pair[0];
  }
  RawEnclave(const RawEnclave&) = delete;
  RawEnclave& operator=(const RawEnclave&) = delete;
  ~RawEnclave() {
    hang_up();
    if (pid_ > 0) exit_code();
  }

  void send(BytesView bytes) const {
    REQUIRE(::send(socket_, bytes.data(), bytes.size(), MSG_NOSIGNAL) ==
            static_cast<ssize_t>(bytes.size()));
  }
  EnclaveReply next() const {
    const auto deadline = std::chrono::steady_clock::now() + std::chrono::seconds(60);
    const auto message = read_frame(socket_, deadline);
    REQUIRE(message);
    REQUIRE(message->has_value());
    const auto reply = decode_reply(**message);
    REQUIRE(reply);
    return *reply;
  }
  EnclaveReply ask(BytesView message) const {
    REQUIRE(write_frame(socket_, message));
    return next();
  }
  void hang_up() {
    if (socket_ >= 0) ::close(std::exchange(socket_, -1));
  }
  int exit_code() {
    int status = 0;
    ::waitpid(std::exchange(pid_, 0), &status, 0);
    return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
  }

 private:
  pid_t pid_ = 0;
  int socket_ = -1;
};

ErrorCode code_of(const EnclaveReply& reply) {
  const Error* error = std::get_if<Error>(&reply);
  REQUIRE(error != nullptr);
  return error->code;
}

SignedHead example_head() {
  SignedHead head;
  head.head = TreeHead{TreeSize{7}, numbered_entry(1), 12'345};
  head.note_signature.fill(3);
  head.cose_protected = {1, 2, 3};
  head.cose_signature.fill(4);
  return head;
}

std::vector<EnclaveRequest> example_requests() {
  return {InitRequest{"log.example", "https://log.example"},
          AppendRequest{TreeSize{5}, numbered_entries(0, 3), 99}, AppendRequest{},
          AttestRequest{Bytes(64, 1)}, AttestRequest{}};
}

}  // namespace

TEST_CASE("enclave messages: what is written is read, and only that") {
  for (const EnclaveRequest& request : example_requests()) {
    const Bytes bytes = encode_request(request);
    const auto decoded = decode_request(bytes);
    REQUIRE(decoded);
    CHECK(*decoded == request);
    for (std::size_t cut = 0; cut < bytes.size(); ++cut) {
      CHECK(!decode_request(BytesView(bytes).first(cut)));
    }
    Bytes longer = bytes;
    longer.push_back(0);
    CHECK(!decode_request(longer));
  }
  SignerState state{"log.example", "issuer", Bytes(32, 1), Bytes(64, 2), TreeSize{7}, {}, Bytes{9}};
  const auto round_trip = [](const EnclaveReply& reply) {
    const auto decoded = decode_reply(encode_reply(reply));
    REQUIRE(decoded);
    CHECK(encode_reply(*decoded) == encode_reply(reply));
  };
  round_trip(Ready{});
  round_trip(Ready{{{"landlock", ""}, {"seccomp", "built with a sanitizer"}}});
  round_trip(example_head());
  round_trip(state);
  state.last = example_head();
  round_trip(state);
  round_trip(Error{ErrorCode::kStale, "older"});
  round_trip(Error{ErrorCode::kIo, "\xff not text"});
}

TEST_CASE("enclave messages: another version, operation or shape is refused by its own code") {
  const auto refuse = [](CborWriter& writer) {
    const auto decoded = decode_request(writer.data());
    REQUIRE(!decoded);
    return decoded.error();
  };
  CborWriter version;
  version.array(3).integer(2).text("attest").bytes({});
  CHECK(refuse(version).code == ErrorCode::kUnsupported);
  for (const char* name : {"sign", "export", "reset", "rewind", "follow", "cosign", "retire"}) {
    CborWriter operation;
    operation.array(3).integer(1).text(name).bytes({});
    const Error error = refuse(operation);
    CHECK(error.code == ErrorCode::kUnsupported);
    CHECK_THAT(error.message, ContainsSubstring(name));
  }
  CborWriter entries;
  entries.array(5).integer(1).text("append").integer(0).bytes(Bytes(33)).integer(0);
  CHECK(refuse(entries).code == ErrorCode::kMalformed);
  CborWriter many;
  many.array(5).integer(1).text("append").integer(0);
  many.bytes(Bytes(32 * (limits::kAppendEntriesMax + 1))).integer(0);
  CHECK(refuse(many).code == ErrorCode::kTooLarge);
  CborWriter negative;
  negative.array(5).integer(1).text("append").integer(-1).bytes({}).integer(0);
  CHECK(refuse(negative).code == ErrorCode::kMalformed);
  CborWriter elements;
  elements.array(4).integer(1).text("attest").bytes({}).bytes({});
  CHECK(refuse(elements).code == ErrorCode::kMalformed);
  CborWriter nonce;
  nonce.array(3).integer(1).text("attest").bytes(Bytes(65));
  CHECK(refuse(nonce).code == ErrorCode::kTooLarge);
  // A head that is longer than needed: the same number, other bytes.
  CHECK(decode_request(Bytes{0x83, 0x18, 0x01, 0x66, 'a', 't', 't', 'e', 's', 't', 0x40})
            .error()
            .code == ErrorCode::kMalformed);
}

TEST_CASE("enclave process: half a message and the end of the stream is a clean exit") {
  TemporaryFolder folder;
  for (const std::size_t bytes : {0, 2, 4, 9}) {
    RawEnclave enclave({"--state-dir", folder.path().string()});
    CHECK(std::holds_alternative<Ready>(enclave.next()));
    enclave.send(BytesView(Bytes{0, 0, 0, 50, 0x83, 1, 2, 3, 4}).first(bytes));
    enclave.hang_up();
    CHECK(enclave.exit_code() == 0);
  }
}

TEST_CASE("enclave process: an oversized message is answered and the next one is read") {
  TemporaryFolder folder;
  RawEnclave enclave({"--state-dir", folder.path().string()});
  CHECK(std::holds_alternative<Ready>(enclave.next()));
  constexpr std::uint32_t kSize = limits::kEnclaveMessageBytesMax + 1;
  Bytes oversized{kSize >> 24, (kSize >> 16) & 0xff, (kSize >> 8) & 0xff, kSize & 0xff};
  oversized.resize(oversized.size() + kSize);
  enclave.send(oversized);
  CHECK(code_of(enclave.next()) == ErrorCode::kTooLarge);
  const auto reply = enclave.ask(encode_request(InitRequest{"log.example", "https://log.example"}));
  CHECK(std::holds_alternative<SignerState>(reply));
}

TEST_CASE("enclave process: a flood of hostile messages gets an error each and changes nothing") {
  TemporaryFolder folder;
  RawEnclave enclave({"--state-dir", folder.path().string()});
  CHECK(std::holds_alternative<Ready>(enclave.next()));
  enclave.ask(encode_request(InitRequest{"log.example", "https://log.example"}));
  std::mt19937_64 random(1);
  constexpr int kMessages = 5'000;
  int refused = 0;
  for (int i = 0; i < kMessages; ++i) {
    Bytes message;
    if (i % 2 == 0) {
      message.resize(random() % 200);
      for (std::uint8_t& byte : message) byte = static_cast<std::uint8_t>(random());
    } else {  // a good one with a flaw: these entries never make it into the log
      message = encode_request(AppendRequest{TreeSize{1}, numbered_entries(random(), 2), 1});
      message[random() % message.size()] ^= static_cast<std::uint8_t>(1 + random() % 255);
      if (const auto decoded = decode_request(message); decoded) {
        if (const auto* append = std::get_if<AppendRequest>(&*decoded)) {
          if (append->prev.value == 0) continue;
        }
      }
    }
    if (std::holds_alternative<Error>(enclave.ask(message))) ++refused;
  }
  CHECK(refused > kMessages / 2);
  const auto reply = enclave.ask(encode_request(AttestRequest{}));
  REQUIRE(std::holds_alternative<SignerState>(reply));
  CHECK(std::get<SignerState>(reply).size.value == 0);
  std::cout << "enclave hostile messages checked: " << refused << "\n";
}

TEST_CASE("enclave process: wrong use of the command line is explained with code 2") {
  TemporaryFolder folder;
  CHECK(RawEnclave({}).exit_code() == 2);
  CHECK(RawEnclave({"--unknown"}).exit_code() == 2);
  CHECK(RawEnclave({"--state-dir"}).exit_code() == 2);
  CHECK(RawEnclave({"--state-dir", "x", "y"}).exit_code() == 2);
  CHECK(RawEnclave({"--state-dir", folder.path().string()}, false).exit_code() == 2);
  CHECK(RawEnclave({"--help"}).exit_code() == 0);
}

}  // namespace witan::test
