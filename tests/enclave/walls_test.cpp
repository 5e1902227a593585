// Each wall around the enclave: a process behind it tries what it forbids.

#include <arpa/inet.h>
#include <atomic>
#include <cerrno>
#include <cstdlib>
#include <fcntl.h>
#include <filesystem>
#include <fstream>
#include <iostream>
#include <netinet/in.h>
#include <sched.h>
#include <string>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <vector>

#include "config/file.h"
#include "enclave/batch_workers.h"
#include "enclave/client.h"
#include "enclave/landlock.h"
#include "ledger/attestation/evidence.h"
#include "ledger/crypto/private_key.h"
#include "ledger/crypto/secret.h"
#include "tests/enclave/enclave_support.h"
#include "tests/enclave/walls_support.h"

namespace witan::test {
namespace {

namespace fs = std::filesystem;

bool fails_with(int expected, long result) {
  return result < 0 && errno == expected;
}

// What the hardened process says of one wall, or nothing when it is in force.
std::string reason_here(std::string_view name) {
  TemporaryFolder folder;
  return in_child([&](int out) {
           say(out, why_not(raise_walls(folder.path()), name));
           return 0;
         })
      .said;
}

// The user that tests as root go on as.
bool become_other_user() {
  if (::geteuid() != 0) return true;
  return ::setgid(kOtherUser) == 0 && ::setuid(kOtherUser) == 0;
}

fs::path open_folder(const TemporaryFolder& folder, const char* name) {
  fs::permissions(folder.path(), fs::perms(0711));
  fs::path path = folder.path() / name;
  fs::create_directory(path);
  fs::permissions(path, fs::perms(0700));
  if (::geteuid() == 0) REQUIRE(::chown(path.c_str(), kOtherUser, kOtherUser) == 0);
  return path;
}

}  // namespace

TEST_CASE("walls: landlock: nothing outside the folder is opened, made or changed") {
  TemporaryFolder folder, outside;
  std::ofstream(outside.path() / "file") << "text";
  const Ended ended = in_child([&](int out) {
    if (::prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0) return 9;
    if (const WhyNot reason = raise_landlock(folder.path())) return say(out, *reason), 0;
    const std::string file = (outside.path() / "file").string();
    const std::string roundabout =
        (folder.path() / ".." / outside.path().filename() / "file").string();
    if (!fails_with(EACCES, ::open("/etc/passwd", O_RDONLY))) return 1;
    if (!fails_with(EACCES, ::open(file.c_str(), O_RDONLY))) return 2;
    if (!fails_with(EACCES, ::open(roundabout.c_str(), O_WRONLY))) return 3;
    if (!fails_with(EACCES, ::open((file + "2").c_str(), O_WRONLY | O_CREAT, 0600))) return 4;
    if (!fails_with(EACCES, ::unlink(file.c_str()))) return 5;
    if (!fails_with(EACCES, ::mkdir((folder.path() / "folder").c_str(), 0700))) return 6;
    // What the enclave does with its own files.
    const std::string own = (folder.path() / "own").string();
    if (!write_file_atomic(own, "one", 0600) || !write_file_atomic(own, "two", 0600)) return 7;
    if (!create_secret_file(own + "2", "three") || ::unlink(own.c_str()) != 0) return 8;
    return 0;
  });
  if (is_lacking(ended.said)) return;
  CHECK(ended.well());
  CHECK(ended.status == 0);
}

TEST_CASE("walls: seccomp: sockets, programs, processes and tracing end the process") {
  if (is_lacking(reason_here(walls::kSeccomp))) return;
  TemporaryFolder folder;
  const std::vector<std::pair<const char*, std::function<void()>>> attempts{
      {"socket", [] { (void)::socket(AF_INET, SOCK_STREAM, 0); }},
      {"connect", [] { (void)::connect(0, nullptr, 0); }},
      {"bind", [] { (void)::bind(0, nullptr, 0); }},
      {"fork", [] { (void)::fork(); }},
      {"vfork", [] { ::syscall(SYS_vfork); }},
      {"exec", [] { (void)::execl("/bin/true", "true", nullptr); }},
      {"ptrace", [] { ::ptrace(PTRACE_ATTACH, ::getppid(), nullptr, nullptr); }},
      {"process_vm_readv", [] { ::syscall(SYS_process_vm_readv, ::getppid(), 0, 0, 0, 0, 0); }},
      {"unshare", [] { ::unshare(CLONE_NEWNS); }},
      {"setuid", [] { ::syscall(SYS_setuid, 0); }},
      {"memfd_create", [] { ::syscall(SYS_memfd_create, "x", 0); }}};
  for (const auto& [name, attempt] : attempts) {
    const Ended ended = in_child([&, &act = attempt](int /*out*/) {
      if (raise_walls(folder.path()).empty()) return 9;
      act();
      return 1;
    });
    INFO(name << ", status " << ended.status);
    CHECK(ended.killed_by_filter());
  }
  std::cout << "walls: attempts that ended the process: " << attempts.size() << "\n";
}

TEST_CASE("walls: seccomp: other calls are refused, and no memory becomes executable") {
  if (is_lacking(reason_here(walls::kSeccomp))) return;
  TemporaryFolder folder;
  const Ended ended = in_child([&](int /*out*/) {
    if (raise_walls(folder.path()).empty()) return 9;
    if (!fails_with(EPERM, ::prctl(PR_SET_DUMPABLE, 1, 0, 0, 0))) return 1;
    if (!fails_with(EPERM, ::kill(::getppid(), 0))) return 2;
    if (!fails_with(EPERM, ::syscall(SYS_tgkill, ::getppid(), ::getppid(), SIGABRT))) return 3;
    void* const memory =
        ::mmap(nullptr, 4'096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (memory == MAP_FAILED) return 4;
    if (!fails_with(EPERM, ::mprotect(memory, 4'096, PROT_READ | PROT_EXEC))) return 5;
    if (::mmap(nullptr, 4'096, PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0) != MAP_FAILED) {
      return 6;
    }
    if (!fails_with(EPERM, ::mkdir((folder.path() / "folder").c_str(), 0700))) return 7;
    const struct rlimit more { 1, 1 };
    if (!fails_with(EPERM, ::setrlimit(RLIMIT_CORE, &more))) return 8;
    return 0;
  });
  CHECK(ended.status == 0);
}

TEST_CASE("walls: behind all of them keys are made and used, files replaced, threads work") {
  TemporaryFolder folder;
  const Ended ended = in_child([&](int /*out*/) {
    init_crypto();
    auto walls = harden_process(64, {folder.path(), "", {}});
    if (!walls) return 1;
    confine_files(*walls, folder.path());
    BatchWorkers workers(2);
    if (!confine_calls(*walls, {})) return 2;
    for (const KeyKind kind : {KeyKind::kEd25519, KeyKind::kP256}) {
      const auto key = PrivateKey::generate(kind);
      if (!key) return 3;
      std::atomic<int> bad = 0;
      workers.for_each(64, [&](std::size_t at) {
        const Bytes message(at, 1);
        const auto signature = key->sign(default_algorithm(kind), message);
        if (!signature || !key->public_key().verify(default_algorithm(kind), message, *signature)) {
          ++bad;
        }
      });
      if (bad != 0) return 4;
    }
    const std::string file = (folder.path() / "file").string();
    if (!write_file_atomic(file, std::string(1u << 20, 'x'), 0600)) return 5;
    if (!create_secret_file(file + "2", "text")) return 6;
    for (const auto& entry : fs::directory_iterator(folder.path())) fs::remove(entry.path());
    return fs::is_empty(folder.path()) ? 0 : 7;
  });
  CHECK(ended.status == 0);
}

TEST_CASE("walls: no-network: loopback is another one, and leads nowhere") {
  if (is_lacking(reason_here(walls::kNoNetwork))) return;
  TemporaryFolder folder;
  const int listener = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  struct sockaddr_in address {};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  socklen_t size = sizeof address;
  auto* const plain = reinterpret_cast<struct sockaddr*>(&address);
  REQUIRE(::bind(listener, plain, size) == 0);
  REQUIRE(::listen(listener, 1) == 0);
  REQUIRE(::getsockname(listener, plain, &size) == 0);
  const auto connect_to_it = [&] {
    const int client = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    return ::connect(client, plain, size);
  };
  CHECK(in_child([&](int /*out*/) { return connect_to_it() == 0 ? 0 : 1; }).well());
  const Ended ended = in_child([&](int /*out*/) {
    // Without the filter, under which there are no sockets at all.
    if (!harden_process(64, {folder.path(), "", {}})) return 9;
    return fails_with(ENETUNREACH, connect_to_it()) ? 0 : 1;
  });
  CHECK(ended.status == 0);
  ::close(listener);
}

TEST_CASE("walls: not-dumpable: a process of the same user cannot look into it") {
  TemporaryFolder folder;
  const fs::path state = open_folder(folder, "state");
  std::array<int, 2> go{};
  REQUIRE(::pipe(go.data()) == 0);
  const Ended ended = in_child([&](int out) {
    if (!become_other_user()) return 1;
    std::array<int, 2> ready{};
    if (::pipe(ready.data()) != 0) return 2;
    ::prctl(PR_SET_DUMPABLE, 1, 0, 0, 0);  // the change of user took it
    const pid_t hardened = ::fork();
    if (hardened == 0) {
      ::close(go[1]);
      const bool walls = !raise_walls(state).empty();
      say(ready[1], walls ? "1" : "0");
      char end = 0;
      (void)!::read(go[0], &end, 1);
      ::_exit(0);
    }
    char stands = 0;
    if (::read(ready[0], &stands, 1) != 1 || stands != '1') return 3;
    const std::string proc = "/proc/" + std::to_string(hardened);
    const int mem = ::open((proc + "/mem").c_str(), O_RDONLY);
    if (!fails_with(EACCES, mem)) return 4;
    if (!fails_with(EPERM, ::ptrace(PTRACE_ATTACH, hardened, nullptr, nullptr))) return 5;
    if (!fails_with(EACCES, ::open((proc + "/environ").c_str(), O_RDONLY))) return 6;
    ::kill(hardened, SIGKILL);
    // The same against a process without walls, which shows that these are what refuses.
    const pid_t open = ::fork();
    if (open == 0) {
      char end = 0;
      (void)!::read(go[0], &end, 1);
      ::_exit(0);
    }
    const int seen = ::open(("/proc/" + std::to_string(open) + "/mem").c_str(), O_RDONLY);
    ::kill(open, SIGKILL);
    if (seen < 0) say(out, "control");
    return 0;
  });
  ::close(go[0]);
  ::close(go[1]);
  CHECK(ended.status == 0);
  CHECK(ended.said.empty());
}

TEST_CASE("walls: no-core: a crash leaves no core") {
  TemporaryFolder folder;
  const Ended ended = in_child([&](int out) {
    if (raise_walls(folder.path()).empty()) return 9;
    struct rlimit limit {};
    if (::getrlimit(RLIMIT_CORE, &limit) != 0 || limit.rlim_max != 0) say(out, "limit");
    std::signal(SIGABRT, SIG_DFL);
    std::abort();
  });
  CHECK(ended.said.empty());
  REQUIRE(WIFSIGNALED(ended.status));
  CHECK(WTERMSIG(ended.status) == SIGABRT);
  CHECK_FALSE(WCOREDUMP(ended.status));
}

TEST_CASE("walls: no-new-privs: a setuid program gives no rights") {
  if (::geteuid() != 0) {
    std::cout << "walls: not tried: only root can make a setuid program to try\n";
    return;
  }
  TemporaryFolder folder;
  const fs::path state = open_folder(folder, "state"), program = folder.path() / "id";
  fs::copy_file("/usr/bin/id", program);
  REQUIRE(::chmod(program.c_str(), 04755) == 0);
  const auto user_of_program = [&](bool walls) {
    return in_child([&](int out) {
             if (!become_other_user()) return 1;
             if (walls && !harden_process(64, {state, "", {}})) return 2;
             ::dup2(out, STDOUT_FILENO);
             ::execl(program.c_str(), "id", "-u", nullptr);
             return 3;
           })
        .said;
  };
  if (user_of_program(false) != "0\n") {
    std::cout << "walls: not tried: setuid programs do not work in this folder\n";
    return;
  }
  CHECK(user_of_program(true) == "65534\n");
}

TEST_CASE("walls: own-uid: root becomes the folder's owner, for good") {
  if (::geteuid() != 0) {
    std::cout << "walls: not tried: only root can become somebody else\n";
    return;
  }
  TemporaryFolder folder;
  const fs::path state = open_folder(folder, "state");
  const Ended ended = in_child([&](int out) {
    const auto walls = harden_process(64, {state, "", {}});
    if (!walls) return say(out, walls.error().message), 1;
    say(out, why_not(walls->states(), walls::kOwnUid));
    if (::getuid() != kOtherUser || ::geteuid() != kOtherUser || ::getgroups(0, nullptr) != 0) {
      return 2;
    }
    if (::setuid(0) == 0 || ::seteuid(0) == 0 || ::setgid(0) == 0) return 3;
    return ::open("/etc/shadow", O_RDONLY) >= 0 ? 4 : 0;
  });
  CHECK(ended.status == 0);
  CHECK(ended.said.empty());
  const Ended unknown = in_child([&](int out) {
    const auto walls = harden_process(64, {state, "no-such-user", {}});
    if (walls) return 1;
    say(out, walls.error().message);
    return 0;
  });
  CHECK(unknown.well());
  CHECK_THAT(unknown.said, ContainsSubstring("no-such-user") && ContainsSubstring("useradd"));
}

TEST_CASE("walls: own-uid: a setuid program is another user, whom its starter may end") {
  if (::geteuid() != 0) {
    std::cout << "walls: not tried: only root can give a program away\n";
    return;
  }
  constexpr uid_t kStarter = 1;
  TemporaryFolder folder;
  const fs::path state = open_folder(folder, "state"), program = folder.path() / "witan-enclave";
  fs::copy_file(enclave_program(), program);
  REQUIRE(::chown(program.c_str(), kOtherUser, kOtherUser) == 0);
  REQUIRE(::chmod(program.c_str(), 04755) == 0);
  const Ended ended = in_child([&](int out) {
    if (::setgid(kStarter) != 0 || ::setuid(kStarter) != 0) return 1;
    init_crypto();
    EnclaveOptions options;
    options.require = {"own-uid"};
    const auto process = EnclaveProcess::start(program, state, options);
    if (!process) return say(out, process.error().message), 2;
    if (!(*process)->init("log.example/walls", "https://log.example")) return 3;
    if (::access((state / "machine.key").c_str(), F_OK) == 0) return 4;
    const std::string mem = "/proc/" + std::to_string((*process)->pid()) + "/mem";
    if (!fails_with(EACCES, ::open(mem.c_str(), O_RDONLY))) return 5;
    return ::kill((*process)->pid(), SIGKILL) == 0 ? 0 : 6;
  });
  if (ended.said.find("has the uid") != std::string::npos) {
    std::cout << "walls: not tried: setuid programs do not work in this folder\n";
    return;
  }
  CHECK(ended.said.empty());
  CHECK(ended.status == 0);
}

TEST_CASE(
    "walls: the program raises them before it is ready, and starts only with those required") {
  TemporaryFolder folder;
  init_crypto();
  const auto process = EnclaveProcess::start(enclave_program(), folder.path());
  REQUIRE(process);
  const WallStates walls = (*process)->walls();
  CHECK(walls.size() == kWallNames.size());
  for (const auto name : {walls::kNoNewPrivs, walls::kNotDumpable, walls::kNoCore}) {
    CHECK(why_not(walls, name).empty());
  }
  CHECK(why_not(walls, walls::kLandlock) == reason_here(walls::kLandlock));
  CHECK(why_not(walls, walls::kNoNetwork) == reason_here(walls::kNoNetwork));
  std::ifstream in("/proc/" + std::to_string((*process)->pid()) + "/status");
  const std::string status{std::istreambuf_iterator<char>(in), {}};
  const bool filtered = why_not(walls, walls::kSeccomp).empty();
  CHECK_THAT(status, ContainsSubstring(filtered ? "Seccomp:\t2" : "Seccomp:\t0"));
  REQUIRE((*process)->init("log.example/walls", "https://log.example"));
  const auto state = (*process)->attest({});
  REQUIRE(state);
  const auto evidence = SignedEvidence::parse(state->evidence);
  REQUIRE(evidence);
  CHECK(evidence->evidence.walls == walls);
  CHECK(why_not(walls, walls::kSecretMemory) == reason_here(walls::kSecretMemory));
  std::cout << "walls in force: " << walls_in_force(walls)
            << "; not in force: " << walls_missing(walls) << "\n";
}

TEST_CASE("walls: a required wall that does not stand is named, with the reason and the way out") {
  TemporaryFolder folder;
  EnclaveOptions options;
  options.require = {"no-core", "own-uid"};
  const auto refused = EnclaveProcess::start(enclave_program(), folder.path(), options);
  REQUIRE(!refused);
  CHECK(refused.error().code == ErrorCode::kRefused);
  CHECK_THAT(refused.error().message, ContainsSubstring("own-uid") && ContainsSubstring("started"));
  CHECK_THAT(refused.error().message, ContainsSubstring("[enclave]"));
  options.require = {"moat"};
  const auto unknown = EnclaveProcess::start(enclave_program(), folder.path(), options);
  REQUIRE(!unknown);
  CHECK_THAT(unknown.error().message, ContainsSubstring("moat") && ContainsSubstring("landlock"));
  options.require = {"no-core", "not-dumpable", "no-new-privs"};
  CHECK(EnclaveProcess::start(enclave_program(), folder.path(), options));
}

}  // namespace witan::test
