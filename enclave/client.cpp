#include "enclave/client.h"

#include <cerrno>
#include <csignal>
#include <cstring>
#include <fcntl.h>
#include <optional>
#include <poll.h>
#include <spawn.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>
#include <utility>
#include <variant>
#include <vector>

#include "enclave/cosigner_core.h"
#include "enclave/framing.h"
#include "ledger/ports/random.h"

namespace witan {
namespace {

constexpr int kChildSocket = 3;

std::string describe_end(int status) {
  if (WIFEXITED(status)) return "it ended with code " + std::to_string(WEXITSTATUS(status));
  if (WIFSIGNALED(status)) return "signal " + std::to_string(WTERMSIG(status)) + " ended it";
  return "it ended";
}

// Whether the child has ended within the time; its status is then in `status`.
bool wait_until(pid_t pid, std::chrono::milliseconds time, int& status) {
  const int process = static_cast<int>(::syscall(SYS_pidfd_open, pid, 0));
  if (process >= 0) {
    struct pollfd entry {
      process, POLLIN, 0
    };
    while (::poll(&entry, 1, static_cast<int>(time.count())) < 0 && errno == EINTR) {
    }
    ::close(process);
  }
  pid_t got = 0;
  while ((got = ::waitpid(pid, &status, WNOHANG)) < 0 && errno == EINTR) {
  }
  if (got < 0) status = 0;  // somebody else has collected it
  return got != 0;
}

// posix_spawn's two objects, freed together.
class SpawnPlan {
 public:
  explicit SpawnPlan(int socket) {
    ::posix_spawn_file_actions_init(&actions_);
    ::posix_spawn_file_actions_adddup2(&actions_, socket, kChildSocket);
    ::posix_spawn_file_actions_addopen(&actions_, STDIN_FILENO, "/dev/null", O_RDONLY, 0);
    ::posix_spawn_file_actions_addopen(&actions_, STDOUT_FILENO, "/dev/null", O_WRONLY, 0);
    ::posix_spawnattr_init(&attributes_);
    // The parent's threads may block signals that the child needs.
    sigset_t none;
    sigemptyset(&none);
    ::posix_spawnattr_setsigmask(&attributes_, &none);
    ::posix_spawnattr_setflags(&attributes_, POSIX_SPAWN_SETSIGMASK);
  }
  SpawnPlan(const SpawnPlan&) = delete;
  SpawnPlan& operator=(const SpawnPlan&) = delete;
  ~SpawnPlan() {
    ::posix_spawn_file_actions_destroy(&actions_);
    ::posix_spawnattr_destroy(&attributes_);
  }
  int run(pid_t& pid, const std::string& binary, std::vector<std::string> words) {
    std::vector<char*> arguments;
    arguments.reserve(words.size() + 1);
    for (std::string& word : words) arguments.push_back(word.data());
    arguments.push_back(nullptr);
    return ::posix_spawn(&pid, binary.c_str(), &actions_, &attributes_, arguments.data(),
                         ::environ);
  }

 private:
  posix_spawn_file_actions_t actions_{};
  posix_spawnattr_t attributes_{};
};

std::vector<std::string> words_of(const std::string& state_dir, const EnclaveOptions& options) {
  std::vector<std::string> words{"witan-enclave", "--state-dir", state_dir};
  if (!options.user.empty()) words.insert(words.end(), {"--user", options.user});
  for (const std::string& wall : options.require) words.insert(words.end(), {"--require", wall});
  return words;
}

}  // namespace

std::filesystem::path default_enclave_binary() {
  std::error_code error;
  const std::filesystem::path self = std::filesystem::read_symlink("/proc/self/exe", error);
  return self.parent_path() / "witan-enclave";
}

EnclaveProcess::EnclaveProcess(std::filesystem::path binary, std::filesystem::path state_dir,
                               EnclaveOptions options)
    : binary_(std::move(binary)),
      state_dir_(std::move(state_dir)),
      options_(std::move(options)),
      batch_number_(first_batch_number(system_random())) {}

EnclaveProcess::~EnclaveProcess() {
  const std::lock_guard lock(mutex_);
  end(options_.grace);
}

Result<std::unique_ptr<EnclaveProcess>> EnclaveProcess::start(
    const std::filesystem::path& binary, const std::filesystem::path& state_dir,
    EnclaveOptions options) {
  std::unique_ptr<EnclaveProcess> out(new EnclaveProcess(binary, state_dir, std::move(options)));
  const std::lock_guard lock(out->mutex_);
  WITAN_TRY(out->spawn());
  return out;
}

Result<void> EnclaveProcess::spawn() {
  if (::access(binary_.c_str(), X_OK) != 0) {
    return fail(
        errno == ENOENT ? ErrorCode::kNotFound : ErrorCode::kIo,
        "cannot run the enclave's program " + binary_.string() + ": " + std::strerror(errno));
  }
  int pair[2] = {-1, -1};
  if (::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair) != 0) {
    return fail(ErrorCode::kIo, std::string("socketpair: ") + std::strerror(errno));
  }
  int failed = 0;
  {
    SpawnPlan plan(pair[1]);
    failed = plan.run(pid_, binary_.string(), words_of(state_dir_.string(), options_));
  }
  ::close(pair[1]);
  if (failed != 0) {
    pid_ = 0;
    ::close(pair[0]);
    return fail(ErrorCode::kIo, "cannot run the enclave's program " + binary_.string() + ": " +
                                    std::strerror(failed));
  }
  socket_ = pair[0];
  Result<void> ready = await_ready();
  if (!ready) end(options_.grace);
  return ready;
}

Result<void> EnclaveProcess::await_ready() {
  const auto deadline = std::chrono::steady_clock::now() + options_.deadline;
  WITAN_ASSIGN(const std::optional<Bytes> message, read_frame(socket_, deadline));
  if (!message) {
    end(options_.grace);
    return fail(ErrorCode::kUnavailable,
                "the enclave " + binary_.string() + " did not start: " + last_end_);
  }
  WITAN_ASSIGN(const EnclaveReply reply, decode_reply(*message));
  if (const Error* error = std::get_if<Error>(&reply)) return fail(error->within("the enclave"));
  const auto* const said = std::get_if<Ready>(&reply);
  if (said == nullptr) {
    return fail(ErrorCode::kMalformed, "the enclave's first message was not \"ready\"");
  }
  const std::lock_guard lock(walls_mutex_);
  walls_ = said->walls;
  return {};
}

void EnclaveProcess::end(std::chrono::milliseconds grace) {
  if (socket_ >= 0) ::close(std::exchange(socket_, -1));
  if (pid_ == 0) return;
  int status = 0;
  if (grace.count() == 0 || !wait_until(pid_, grace, status)) {
    ::kill(pid_, SIGKILL);
    while (::waitpid(pid_, &status, 0) < 0 && errno == EINTR) {
    }
  }
  last_end_ = describe_end(status);
  pid_ = 0;
}

Result<void> EnclaveProcess::start_again() {
  end(options_.grace);
  restarts_ += 1;
  const Result<void> spawned = spawn();
  if (spawned) return {};
  // Its code would be read as the answer to the call; what counts here is that there is no enclave.
  return fail(ErrorCode::kUnavailable,
              "the enclave is gone (" + last_end_ +
                  ") and cannot be started again: " + spawned.error().message);
}

Result<void> EnclaveProcess::restart() {
  const std::lock_guard lock(mutex_);
  return start_again();
}

Result<Bytes> EnclaveProcess::exchange(BytesView request) {
  const auto deadline = std::chrono::steady_clock::now() + options_.deadline;
  WITAN_TRY(write_frame(socket_, request, deadline));
  WITAN_ASSIGN(std::optional<Bytes> message, read_frame(socket_, deadline));
  if (!message) return fail(ErrorCode::kUnavailable, "the enclave has closed the socket");
  return std::move(*message);
}

Result<Bytes> EnclaveProcess::call(BytesView message) {
  if (message.size() > limits::kEnclaveMessageBytesMax) {
    return fail(ErrorCode::kTooLarge, "request of " + std::to_string(message.size()) +
                                          " bytes, expected at most " +
                                          std::to_string(limits::kEnclaveMessageBytesMax));
  }
  for (int attempt = 0;; ++attempt) {
    if (pid_ == 0) WITAN_TRY(start_again());
    Result<Bytes> reply = exchange(message);
    if (reply) return reply;
    // Anything else than a whole reply leaves the stream at an unknown place.
    const bool gone = reply.error().code == ErrorCode::kUnavailable;
    end(gone ? options_.grace : std::chrono::milliseconds(0));
    if (reply.error().code == ErrorCode::kTimeout) {
      return fail(ErrorCode::kTimeout, "the enclave gave no reply within " +
                                           std::to_string(options_.deadline.count()) +
                                           " ms and was killed; whether it signed is unknown");
    }
    if (!gone || attempt > 0) {
      return fail(ErrorCode::kUnavailable,
                  "the enclave failed (" + last_end_ + "): " + reply.error().message);
    }
  }
}

template <typename Value, typename Reply>
Result<Value> EnclaveProcess::expect(Result<Reply> reply) {
  if (reply) {
    if (Error* error = std::get_if<Error>(&*reply)) return fail(std::move(*error));
    if (Value* value = std::get_if<Value>(&*reply)) return std::move(*value);
  }
  end(std::chrono::milliseconds(0));
  return fail(ErrorCode::kUnavailable,
              reply ? "the enclave answered with another kind of message"
                    : "the enclave's answer cannot be read: " + reply.error().message);
}

template <typename Value>
Result<Value> EnclaveProcess::ask(const EnclaveRequest& request) {
  WITAN_ASSIGN(const Bytes reply, call(encode_request(request)));
  return expect<Value>(decode_reply(reply));
}

template <typename Value>
Result<Value> EnclaveProcess::ask_cosigner(BytesView request) {
  WITAN_ASSIGN(const Bytes reply, call(request));
  return expect<Value>(decode_cosigner_reply(reply));
}

Result<SignerState> EnclaveProcess::init(const std::string& origin, const std::string& issuer) {
  const std::lock_guard lock(mutex_);
  return ask<SignerState>(InitRequest{origin, issuer});
}

Result<SignedHead> EnclaveProcess::append(TreeSize prev, std::span<const Hash32> entries,
                                          std::uint64_t time_ms) {
  const std::lock_guard lock(mutex_);
  return ask<SignedHead>(
      AppendRequest{prev, std::vector<Hash32>(entries.begin(), entries.end()), time_ms});
}

Result<SignerState> EnclaveProcess::attest(BytesView nonce) {
  const std::lock_guard lock(mutex_);
  return ask<SignerState>(AttestRequest{to_bytes(nonce)});
}

Result<CosignerState> EnclaveProcess::init_cosigner(const std::string& name, bool ml_dsa) {
  const std::lock_guard lock(mutex_);
  return ask_cosigner<CosignerState>(encode_cosigner_request(CosignerInitRequest{name, ml_dsa}));
}

Result<SubtreeResult> EnclaveProcess::cosign_subtree(const SignSubtreeRequest& request) {
  const Bytes message = encode_cosigner_request(request);
  const std::lock_guard lock(mutex_);
  return ask_cosigner<SubtreeResult>(message);
}

Result<std::vector<CosignResult>> EnclaveProcess::cosign(std::span<const CosignRequest> requests,
                                                         std::uint64_t time_s) {
  WITAN_TRY(check_cosign_batch(requests));
  const Bytes message = encode_cosign(requests, time_s, batch_number_.fetch_add(1));
  const std::lock_guard lock(mutex_);
  return ask_for_results(message, requests.size());
}

Result<std::vector<CosignResult>> EnclaveProcess::adopt(std::span<const CosignRequest> heads) {
  WITAN_TRY(check_cosign_batch(heads));
  const Bytes message = encode_adopt(heads);
  const std::lock_guard lock(mutex_);
  return ask_for_results(message, heads.size());
}

Result<std::vector<CosignResult>> EnclaveProcess::ask_for_results(BytesView message,
                                                                  std::size_t requests) {
  WITAN_ASSIGN(CosignResults results, ask_cosigner<CosignResults>(message));
  if (results.size() == requests) return results;
  end(std::chrono::milliseconds(0));
  return fail(ErrorCode::kUnavailable, "the enclave gave " + std::to_string(results.size()) +
                                           " answers to " + std::to_string(requests) + " requests");
}

Result<CosignerState> EnclaveProcess::hold() {
  const std::lock_guard lock(mutex_);
  return ask_cosigner<CosignerState>(encode_cosigner_request(HoldRequest{}));
}

Result<CosignerState> EnclaveProcess::release(std::span<const std::string> origins) {
  const std::lock_guard lock(mutex_);
  return ask_cosigner<CosignerState>(encode_cosigner_request(
      ReleaseRequest{std::vector<std::string>(origins.begin(), origins.end())}));
}

Result<CosignerState> EnclaveProcess::cosigner_state() {
  const std::lock_guard lock(mutex_);
  return ask_cosigner<CosignerState>(encode_cosigner_request(CosignerStateRequest{}));
}

Result<std::optional<CosignMark>> EnclaveProcess::mark(const std::string& origin) {
  const std::lock_guard lock(mutex_);
  return ask_cosigner<MarkReply>(encode_cosigner_request(MarkRequest{origin}));
}

Result<std::vector<OriginMark>> EnclaveProcess::marks(std::uint64_t first) {
  const std::lock_guard lock(mutex_);
  WITAN_ASSIGN(MarksPage page,
               ask_cosigner<MarksPage>(encode_cosigner_request(MarksRequest{first})));
  return std::move(page.marks);
}

WallStates EnclaveProcess::walls() const {
  const std::lock_guard lock(walls_mutex_);
  return walls_;
}

pid_t EnclaveProcess::pid() const {
  const std::lock_guard lock(mutex_);
  return pid_;
}

}  // namespace witan
