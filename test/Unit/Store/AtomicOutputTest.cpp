//===- AtomicOutputTest.cpp - output that is whole or not there -----------===//
//
// Part of mlir-compress, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "compress/Store/AtomicOutput.h"
#include "TestUtils.h"
#include <atomic>
#include <cerrno>
#include <csignal>
#include <cstddef>
#include <fcntl.h>
#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <poll.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <thread>

using namespace mlir::compress::store;
using namespace mlir::compress::store::test;

using Names = std::set<std::string>;

static const char *const kMarker = "manifest.json";

static bool hasDirectory(const std::string &path) {
  struct stat info;
  return ::lstat(path.c_str(), &info) == 0 && S_ISDIR(info.st_mode);
}

/// Makes renameat2 fail with an errno in this process, as on a file system
/// without RENAME_EXCHANGE. False where that is not allowed.
static bool breakExchange(unsigned code) {
  struct sock_filter filter[] = {
      BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
      BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_renameat2, 0, 1),
      BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | code),
      BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW)};
  struct sock_fprog program = {4, filter};
  return ::prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0 &&
         ::prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program) == 0 &&
         ::syscall(SYS_renameat2, AT_FDCWD, "", AT_FDCWD, "", 0) != 0 &&
         errno == int(code);
}

namespace {
class AtomicOutputTest : public Scratch {
protected:
  /// Writes an artifact with these files, which all hold `content`.
  Status makeDirectory(const std::string &name, const Names &files,
                       const std::string &content) {
    auto output = StagedDirectory::create(path(name), kMarker);
    if (!output.ok())
      return output.status();
    for (const std::string &file : files)
      if (Status status = writeFile((*output)->addFile(file), content.data(),
                                    content.size());
          !status.ok())
        return status;
    return (*output)->commit();
  }
  static std::string getFileError(const std::string &path) {
    return StagedFile::create(path).status().message();
  }
  static std::string getDirectoryError(const std::string &path) {
    return StagedDirectory::create(path, kMarker).status().message();
  }
};
} // namespace

//===----------------------------------------------------------------------===//
// Files
//===----------------------------------------------------------------------===//

TEST_F(AtomicOutputTest, WriteFile) {
  EXPECT_EQ(writeFile(path("a"), "hello", 5).message(), "");
  EXPECT_EQ(readBytes(path("a")), "hello");
  EXPECT_EQ(writeFile(path("a"), nullptr, 0).message(), "");
  EXPECT_EQ(readBytes(path("a")), "");
  EXPECT_EQ(writeFile("/dev/full", "x", 1).message(),
            "cannot write '/dev/full': No space left on device");
  EXPECT_EQ(writeFile(path("no/a"), "x", 1).message(),
            "cannot write '" + path("no/a") + "': No such file or directory");
  EXPECT_EQ(writeFile(directory, "x", 1).message(),
            "cannot write '" + directory + "': Is a directory");
}

TEST_F(AtomicOutputTest, WriteFileAtomically) {
  EXPECT_EQ(writeFileAtomically(path("a"), "old", 3).message(), "");
  EXPECT_EQ(readBytes(path("a")), "old");
  EXPECT_EQ(writeFileAtomically(path("a"), "newer", 5).message(), "");
  EXPECT_EQ(readBytes(path("a")), "newer");
  EXPECT_EQ(listNames(directory), Names{"a"});
}

TEST_F(AtomicOutputTest, StagedFile) {
  writeBytes(path("a"), "old");
  {
    auto file = StagedFile::create(path("a"));
    ASSERT_TRUE(file.ok()) << file.status().message();
    // ".a.XXXXXX.tmp", and so in the same file system.
    std::string staged = (*file)->path();
    EXPECT_EQ(staged.substr(0, path(".a.").size()), path(".a."));
    EXPECT_EQ(staged.size(), path(".a.XXXXXX.tmp").size());
    EXPECT_EQ(staged.substr(staged.size() - 4), ".tmp");
    EXPECT_TRUE(exists(staged));
    writeBytes(staged, "new");
    EXPECT_EQ(readBytes(path("a")), "old");
    EXPECT_EQ((*file)->commit().message(), "");
    EXPECT_EQ(readBytes(path("a")), "new");
    EXPECT_EQ((*file)->commit().message(),
              "'" + path("a") + "' is committed already");
  }
  EXPECT_EQ(listNames(directory), Names{"a"});
}

TEST_F(AtomicOutputTest, StagedFileIsRemovedUnlessCommitted) {
  writeBytes(path("a"), "old");
  {
    auto file = StagedFile::create(path("a"));
    ASSERT_TRUE(file.ok());
    writeBytes((*file)->path(), "new");
    EXPECT_EQ(listNames(directory).size(), 2u);
  }
  EXPECT_EQ(listNames(directory), Names{"a"});
  EXPECT_EQ(readBytes(path("a")), "old");
}

TEST_F(AtomicOutputTest, StagedFileWhoseCommitFails) {
  auto file = StagedFile::create(path("a"));
  ASSERT_TRUE(file.ok());
  ASSERT_EQ(::mkdir(path("a").c_str(), 0777), 0);
  EXPECT_EQ((*file)->commit().message(),
            "cannot write '" + path("a") + "': Is a directory");
  file->reset();
  EXPECT_EQ(listNames(directory), Names{"a"});
}

TEST_F(AtomicOutputTest, FilePaths) {
  std::string longName(255, 'n');
  EXPECT_EQ(writeFileAtomically(path(longName), "x", 1).message(), "");
  EXPECT_EQ(readBytes(path(longName)), "x");
  EXPECT_EQ(
      writeFileAtomically(path(".."
                               "/./" +
                               directory.substr(directory.rfind('/')) + "//b"),
                          "x", 1)
          .message(),
      "");
  EXPECT_EQ(listNames(directory), (Names{longName, "b"}));
  // Relative, without a slash.
  EXPECT_EQ(runInChild([&] {
              return ::chdir(directory.c_str()) == 0 &&
                             writeFileAtomically("c", "y", 1).ok()
                         ? 0
                         : 1;
            }),
            0);
  EXPECT_EQ(readBytes(path("c")), "y");
}

TEST_F(AtomicOutputTest, FileErrors) {
  EXPECT_EQ(getFileError(""), "expected the path of a file, but got ''");
  EXPECT_EQ(getFileError(path("a/")),
            "expected the path of a file, but got '" + path("a/") + "'");
  EXPECT_EQ(getFileError(directory), "'" + directory + "' is a directory");
  EXPECT_EQ(getFileError("/dev/full"), "'/dev/full' is not a regular file");
  EXPECT_EQ(getFileError("/dev/null"), "'/dev/null' is not a regular file");
  EXPECT_EQ(getFileError(path("no/such/a")),
            "cannot write '" + path("no/such/a") + "': directory '" +
                path("no/such") + "': No such file or directory");
  writeBytes(path("f"), "");
  EXPECT_EQ(getFileError(path("f/a")),
            "cannot write '" + path("f/a") + "': Not a directory");
  ASSERT_EQ(::mkfifo(path("pipe").c_str(), 0600), 0);
  EXPECT_EQ(getFileError(path("pipe")),
            "'" + path("pipe") + "' is not a regular file");
  std::string tooLong = path(std::string(256, 'n'));
  EXPECT_EQ(getFileError(tooLong),
            "cannot write '" + tooLong + "': File name too long");
  EXPECT_EQ(listNames(directory), (Names{"f", "pipe"}));
}

TEST_F(AtomicOutputTest, DirectoryWithoutPermission) {
  ASSERT_EQ(::chmod(directory.c_str(), 0555), 0);
  EXPECT_EQ(runInChild([&] {
              // Root may write anywhere.
              if (::geteuid() == 0 && ::setuid(65534) != 0)
                return 1;
              std::string reason =
                  "': directory '" + directory + "': Permission denied";
              return getFileError(path("a")) ==
                                 "cannot write '" + path("a") + reason &&
                             getDirectoryError(path("d")) ==
                                 "cannot write '" + path("d") + reason
                         ? 0
                         : 2;
            }),
            0);
  ::chmod(directory.c_str(), 0755);
}

// Also when standard output is a regular file, which must not be replaced.
TEST_F(AtomicOutputTest, StandardOutput) {
  std::string error = "'/dev/stdout' is not a regular file";
  if (!exists("/dev/stdout"))
    GTEST_SKIP() << "no /dev/stdout";
  EXPECT_EQ(runInChild([&] {
              int file = ::open(path("out").c_str(), O_WRONLY | O_CREAT, 0666);
              ::dup2(file, 1);
              return getFileError("/dev/stdout") == error ? 0 : 1;
            }),
            0);
  EXPECT_EQ(runInChild([&] {
              int ends[2];
              if (::pipe(ends) != 0)
                return 1;
              ::dup2(ends[1], 1);
              return getFileError("/dev/stdout") == error ? 0 : 1;
            }),
            0);
}

TEST_F(AtomicOutputTest, Links) {
  ASSERT_EQ(::mkdir(path("sub").c_str(), 0777), 0);
  writeBytes(path("sub/real"), "old");
  ASSERT_EQ(::symlink("sub/real", path("one").c_str()), 0);
  ASSERT_EQ(::symlink(path("one").c_str(), path("two").c_str()), 0);
  EXPECT_EQ(writeFileAtomically(path("two"), "new", 3).message(), "");
  EXPECT_EQ(readBytes(path("sub/real")), "new");
  // What is not there yet.
  ASSERT_EQ(::symlink("sub/next", path("three").c_str()), 0);
  EXPECT_EQ(writeFileAtomically(path("three"), "new", 3).message(), "");
  EXPECT_EQ(readBytes(path("sub/next")), "new");
  EXPECT_EQ(listNames(directory), (Names{"one", "sub", "three", "two"}));
  EXPECT_EQ(listNames(path("sub")), (Names{"next", "real"}));
  // In a circle.
  ASSERT_EQ(::symlink("circle", path("circle").c_str()), 0);
  EXPECT_EQ(getFileError(path("circle")),
            "cannot write '" + path("circle") +
                "': Too many levels of symbolic links");
  // To a directory.
  ASSERT_EQ(::symlink("sub", path("d").c_str()), 0);
  EXPECT_EQ(getFileError(path("d")), "'" + path("d") + "' is a directory");
}

TEST_F(AtomicOutputTest, Umask) {
  mode_t before = ::umask(027);
  EXPECT_EQ(writeFileAtomically(path("a"), "x", 1).message(), "");
  EXPECT_EQ(makeDirectory("d", {kMarker}, "x").message(), "");
  ::umask(before);
  auto getMode = [&](const std::string &name) {
    struct stat info = {};
    ::stat(path(name).c_str(), &info);
    return info.st_mode & 07777;
  };
  EXPECT_EQ(getMode("a"), 0640u);
  EXPECT_EQ(getMode("d"), 0750u);
  EXPECT_EQ(getMode("d/manifest.json"), 0640u);
}

TEST_F(AtomicOutputTest, FullDisk) {
  writeBytes(path("a"), "old");
  EXPECT_EQ(
      runInChild([&] {
        ::signal(SIGXFSZ, SIG_IGN);
        struct rlimit limit = {1000, 1000};
        ::setrlimit(RLIMIT_FSIZE, &limit);
        std::string data(2000, 'x');
        // The message has the name that the user gave.
        return writeFileAtomically(path("a"), data.data(), 2000).message() ==
                       "cannot write '" + path("a") + "': File too large"
                   ? 0
                   : 1;
      }),
      0);
  EXPECT_EQ(readBytes(path("a")), "old");
  EXPECT_EQ(listNames(directory), Names{"a"});
}

//===----------------------------------------------------------------------===//
// Directories
//===----------------------------------------------------------------------===//

TEST_F(AtomicOutputTest, NewDirectory) {
  auto output = StagedDirectory::create(path("d"), kMarker);
  ASSERT_TRUE(output.ok()) << output.status().message();
  std::string marker = (*output)->addFile(kMarker);
  std::string object = (*output)->addFile("model.o");
  EXPECT_EQ(marker.substr(0, path(".d.").size()), path(".d."));
  writeBytes(marker, "m");
  writeBytes(object, "o");
  EXPECT_EQ((*output)->addFile(kMarker), marker);
  EXPECT_EQ((*output)->removeFile("model.o").message(), "");
  EXPECT_EQ((*output)->removeFile("model.o").message(),
            "cannot remove '" + object + "': No such file or directory");
  EXPECT_FALSE(exists(path("d")));
  EXPECT_EQ((*output)->commit().message(), "");
  EXPECT_EQ((*output)->commit().message(),
            "'" + path("d") + "' is committed already");
  output->reset();
  EXPECT_EQ(listNames(directory), Names{"d"});
  EXPECT_EQ(listNames(path("d")), Names{kMarker});
  EXPECT_EQ(readBytes(path("d/manifest.json")), "m");
}

TEST_F(AtomicOutputTest, ReplacesEmptyDirectory) {
  ASSERT_EQ(::mkdir(path("d").c_str(), 0777), 0);
  EXPECT_EQ(makeDirectory("d", {kMarker}, "new").message(), "");
  EXPECT_EQ(listNames(path("d")), Names{kMarker});
  EXPECT_EQ(listNames(directory), Names{"d"});
}

TEST_F(AtomicOutputTest, ReplacesMarkedDirectory) {
  ASSERT_EQ(makeDirectory("d", {kMarker, "both", "older"}, "old").message(),
            "");
  ASSERT_EQ(makeDirectory("d", {kMarker, "both", "newer"}, "new").message(),
            "");
  EXPECT_EQ(listNames(path("d")), (Names{"both", kMarker, "newer"}));
  EXPECT_EQ(readBytes(path("d/both")), "new");
  EXPECT_EQ(listNames(directory), Names{"d"});
}

TEST_F(AtomicOutputTest, ReplacesWithoutExchange) {
  ASSERT_EQ(makeDirectory("d", {kMarker, "both", "older"}, "old").message(),
            "");
  int status = runInChild([&] {
    if (!breakExchange(EINVAL))
      return 77;
    return makeDirectory("d", {kMarker, "both", "newer"}, "new").ok() ? 0 : 1;
  });
  if (WIFEXITED(status) && WEXITSTATUS(status) == 77)
    GTEST_SKIP() << "no seccomp here";
  EXPECT_EQ(status, 0);
  EXPECT_EQ(listNames(path("d")), (Names{"both", kMarker, "newer"}));
  EXPECT_EQ(readBytes(path("d/both")), "new");
  EXPECT_EQ(listNames(directory), Names{"d"});
}

TEST_F(AtomicOutputTest, DirectoryWhoseExchangeFails) {
  ASSERT_EQ(makeDirectory("d", {kMarker, "older"}, "old").message(), "");
  int status = runInChild([&] {
    if (!breakExchange(EACCES))
      return 77;
    return makeDirectory("d", {kMarker, "newer"}, "new").message() ==
                   "cannot write '" + path("d") + "': Permission denied"
               ? 0
               : 1;
  });
  if (WIFEXITED(status) && WEXITSTATUS(status) == 77)
    GTEST_SKIP() << "no seccomp here";
  EXPECT_EQ(status, 0);
  EXPECT_EQ(listNames(path("d")), (Names{kMarker, "older"}));
  EXPECT_EQ(readBytes(path("d/older")), "old");
  EXPECT_EQ(listNames(directory), Names{"d"});
}

TEST_F(AtomicOutputTest, DirectoryIsRemovedUnlessCommitted) {
  ASSERT_EQ(makeDirectory("d", {kMarker}, "old").message(), "");
  {
    auto output = StagedDirectory::create(path("d"), kMarker);
    ASSERT_TRUE(output.ok());
    std::string added = (*output)->addFile(kMarker);
    writeBytes(added, "new");
    // What a linker leaves, for instance.
    writeBytes(added + ".tmp123", "");
    (*output)->addFile("never written");
  }
  EXPECT_EQ(readBytes(path("d/manifest.json")), "old");
  EXPECT_EQ(listNames(directory), Names{"d"});
}

TEST_F(AtomicOutputTest, DirectoryPaths) {
  EXPECT_EQ(makeDirectory("d///", {kMarker}, "1").message(), "");
  EXPECT_EQ(readBytes(path("d/manifest.json")), "1");
  EXPECT_EQ(makeDirectory("d/", {kMarker}, "2").message(), "");
  EXPECT_EQ(readBytes(path("d/manifest.json")), "2");
  ASSERT_EQ(::symlink("d", path("link").c_str()), 0);
  EXPECT_EQ(makeDirectory("link", {kMarker}, "3").message(), "");
  EXPECT_EQ(readBytes(path("d/manifest.json")), "3");
  EXPECT_EQ(makeDirectory("link/", {kMarker}, "4").message(), "");
  EXPECT_EQ(readBytes(path("d/manifest.json")), "4");
  EXPECT_EQ(listNames(directory), (Names{"d", "link"}));
  EXPECT_EQ(runInChild([&] {
              if (::chdir(directory.c_str()) != 0)
                return 1;
              for (const char *name : {"r", "r", "./r/"}) {
                auto output = StagedDirectory::create(name, kMarker);
                if (!output.ok() ||
                    !writeFile((*output)->addFile(kMarker), "5", 1).ok() ||
                    !(*output)->commit().ok())
                  return 2;
              }
              return 0;
            }),
            0);
  EXPECT_EQ(readBytes(path("r/manifest.json")), "5");
  EXPECT_EQ(listNames(directory), (Names{"d", "link", "r"}));
}

TEST_F(AtomicOutputTest, DirectoryErrors) {
  for (std::string name : {std::string(""), std::string("/"), std::string("."),
                           path(".."), path("./")})
    EXPECT_EQ(getDirectoryError(name),
              "expected a directory that can be replaced, but got '" + name +
                  "'");
  writeBytes(path("f"), "");
  EXPECT_EQ(getDirectoryError(path("f")),
            "'" + path("f") + "' is not a directory");
  EXPECT_EQ(getDirectoryError("/dev/null"), "'/dev/null' is not a directory");
  EXPECT_EQ(getDirectoryError(path("no/d")),
            "cannot write '" + path("no/d") + "': directory '" + path("no") +
                "': No such file or directory");

  ASSERT_EQ(::mkdir(path("d").c_str(), 0777), 0);
  writeBytes(path("d/thesis.tex"), "");
  std::string unmarked =
      "'" + path("d") +
      "': expected a directory that is new, empty or has 'manifest.json'";
  EXPECT_EQ(getDirectoryError(path("d")), unmarked);
  // A directory of that name is no marker.
  ASSERT_EQ(::mkdir(path("d/manifest.json").c_str(), 0777), 0);
  EXPECT_EQ(getDirectoryError(path("d")), unmarked);
  ASSERT_EQ(::rmdir(path("d/manifest.json").c_str()), 0);
  writeBytes(path("d/manifest.json"), "");
  EXPECT_EQ(getDirectoryError(path("d")), "");
  ASSERT_EQ(::mkdir(path("d/photos").c_str(), 0777), 0);
  EXPECT_EQ(getDirectoryError(path("d")),
            "'" + path("d") +
                "': expected nothing but plain files, but 'photos' is not one");
  ASSERT_EQ(::rmdir(path("d/photos").c_str()), 0);
  ASSERT_EQ(::symlink("manifest.json", path("d/link").c_str()), 0);
  EXPECT_EQ(getDirectoryError(path("d")),
            "'" + path("d") +
                "': expected nothing but plain files, but 'link' is not one");
  EXPECT_EQ(listNames(directory), (Names{"d", "f"}));
}

// The target changes while the new content is made.
TEST_F(AtomicOutputTest, DirectoryIsCheckedAgainAtCommit) {
  ASSERT_EQ(makeDirectory("d", {kMarker}, "old").message(), "");
  auto output = StagedDirectory::create(path("d"), kMarker);
  ASSERT_TRUE(output.ok());
  writeBytes((*output)->addFile(kMarker), "new");
  ASSERT_EQ(::mkdir(path("d/photos").c_str(), 0777), 0);
  EXPECT_EQ((*output)->commit().message(),
            "'" + path("d") +
                "': expected nothing but plain files, but 'photos' is not one");
  output->reset();
  EXPECT_EQ(readBytes(path("d/manifest.json")), "old");
  EXPECT_TRUE(hasDirectory(path("d/photos")));
  EXPECT_EQ(listNames(directory), Names{"d"});
}

//===----------------------------------------------------------------------===//
// Signals
//===----------------------------------------------------------------------===//

namespace {
/// A child process that says when it is ready and then goes on until a signal
/// ends it.
class Child {
public:
  explicit Child(
      const std::function<void()> &prepare,
      const std::function<void()> &repeat = [] { ::pause(); }) {
    int ends[2];
    EXPECT_EQ(::pipe(ends), 0);
    std::fflush(nullptr);
    process = ::fork();
    if (process == 0) {
      prepare();
      if (::write(ends[1], "", 1) != 1)
        ::_exit(99);
      for (;;)
        repeat();
    }
    ::close(ends[1]);
    char ready;
    EXPECT_EQ(::read(ends[0], &ready, 1), 1);
    ::close(ends[0]);
  }
  /// Sends a signal; the wait status.
  int kill(int signal) const {
    EXPECT_EQ(::kill(process, signal), 0);
    return wait();
  }
  int wait() const {
    int status = -1;
    EXPECT_EQ(::waitpid(process, &status, 0), process);
    return status;
  }
  pid_t process;
};

/// Everything that can be unfinished.
struct Unfinished {
  explicit Unfinished(const std::string &directory)
      : file(StagedFile::create(directory + "/f")),
        folder(StagedDirectory::create(directory + "/d", kMarker)) {
    writeBytes((*file)->path(), "new");
    writeBytes((*folder)->addFile(kMarker), "new");
    writeBytes((*folder)->addFile("b"), "new");
    (*folder)->addFile("never written");
  }
  StatusOr<std::unique_ptr<StagedFile>> file;
  StatusOr<std::unique_ptr<StagedDirectory>> folder;
};
} // namespace

TEST_F(AtomicOutputTest, SignalsRemoveUnfinishedOutput) {
  writeBytes(path("f"), "old");
  ASSERT_EQ(makeDirectory("d", {kMarker}, "old").message(), "");
  for (int signal : {SIGINT, SIGTERM, SIGHUP}) {
    Child child([&] {
      installSignalCleanup();
      new Unfinished(directory);
    });
    EXPECT_EQ(listNames(directory).size(), 4u);
    int status = child.kill(signal);
    EXPECT_TRUE(WIFSIGNALED(status));
    EXPECT_EQ(WTERMSIG(status), signal);
    EXPECT_EQ(listNames(directory), (Names{"d", "f"}));
    EXPECT_EQ(readBytes(path("f")), "old");
    EXPECT_EQ(readBytes(path("d/manifest.json")), "old");
  }
}

TEST_F(AtomicOutputTest, SignalsOfThreads) {
  Child child([&] {
    installSignalCleanup();
    new Unfinished(directory);
    new std::thread([] {
      for (;;)
        ::pause();
    });
    // Only the other thread can take it.
    sigset_t set;
    ::sigfillset(&set);
    ::pthread_sigmask(SIG_BLOCK, &set, nullptr);
  });
  int status = child.kill(SIGINT);
  EXPECT_TRUE(WIFSIGNALED(status) && WTERMSIG(status) == SIGINT);
  EXPECT_TRUE(listNames(directory).empty());
}

TEST_F(AtomicOutputTest, SignalsLeaveCommittedOutput) {
  Child child([&] {
    installSignalCleanup();
    auto *unfinished = new Unfinished(directory);
    if (!(*unfinished->file)->commit().ok() ||
        !(*unfinished->folder)->removeFile("b").ok() ||
        !(*unfinished->folder)->commit().ok())
      ::_exit(1);
  });
  int status = child.kill(SIGTERM);
  EXPECT_TRUE(WIFSIGNALED(status) && WTERMSIG(status) == SIGTERM);
  EXPECT_EQ(listNames(directory), (Names{"d", "f"}));
  EXPECT_EQ(listNames(path("d")), Names{kMarker});
}

// The compiler forks for the linker, which gets the terminal's signal too.
TEST_F(AtomicOutputTest, SignalsInForksLeaveTheParentsOutput) {
  installSignalCleanup();
  auto unfinished = std::make_unique<Unfinished>(directory);
  Child child([] {});
  int status = child.kill(SIGINT);
  EXPECT_TRUE(WIFSIGNALED(status) && WTERMSIG(status) == SIGINT);
  EXPECT_EQ(readBytes((*unfinished->file)->path()), "new");
  EXPECT_EQ((*unfinished->folder)->commit().message(), "");
  for (int signal : {SIGINT, SIGTERM, SIGHUP})
    ::signal(signal, SIG_DFL);
}

TEST_F(AtomicOutputTest, IgnoredSignalsStayIgnored) {
  int status = runInChild([] {
    ::signal(SIGHUP, SIG_IGN);
    installSignalCleanup();
    ::raise(SIGHUP);
    return 3;
  });
  EXPECT_TRUE(WIFEXITED(status) && WEXITSTATUS(status) == 3);
}

// More than the table holds: what is in it is removed, and nothing breaks.
TEST_F(AtomicOutputTest, ManyStagedFiles) {
  std::vector<std::unique_ptr<StagedFile>> files;
  for (int i = 0; i < 400; ++i) {
    auto file = StagedFile::create(path(std::to_string(i)));
    ASSERT_TRUE(file.ok()) << file.status().message();
    files.push_back(std::move(*file));
  }
  for (int i = 0; i < 400; i += 2)
    EXPECT_EQ(files[i]->commit().message(), "");
  files.clear();
  EXPECT_EQ(listNames(directory).size(), 200u);
  // All places are free again.
  Child child([&] {
    installSignalCleanup();
    new Unfinished(directory);
  });
  child.kill(SIGTERM);
  EXPECT_EQ(listNames(directory).size(), 200u);
}

namespace {
/// Kills processes that replace an artifact over and over, at random times. The
/// artifact must be whole whenever they die.
class AtomicOutputStress : public AtomicOutputTest {
protected:
  void run(bool exchange, bool threads) {
    ASSERT_EQ(makeDirectory("d", {kMarker, "x"}, "0").message(), "");
    Random random;
    for (int round = 0; round < 60; ++round) {
      auto replace = [&] {
        static int count = 0;
        std::string content = std::to_string(count++);
        Names files = {kMarker, "a", "b", count % 2 ? "x" : "y"};
        if (!makeDirectory("d", files, content).ok() ||
            !writeFileAtomically(path("f"), content.data(), content.size())
                 .ok())
          ::_exit(98);
      };
      Child child(
          [&] {
            installSignalCleanup();
            if (!exchange && !breakExchange(EINVAL))
              ::_exit(77);
            if (threads)
              for (int i = 0; i < 3; ++i)
                new std::thread([] {
                  for (;;)
                    ::poll(nullptr, 0, 1);
                });
            replace();
          },
          replace);
      ::usleep(random(20000));
      int status = child.kill(SIGTERM);
      ASSERT_TRUE(WIFSIGNALED(status) && WTERMSIG(status) == SIGTERM);
      EXPECT_EQ(listNames(directory), (Names{"d", "f"}));
      Names names = listNames(path("d"));
      EXPECT_EQ(names.size(), 4u);
      std::set<std::string> contents;
      for (const std::string &name : names)
        contents.insert(readBytes(path("d/" + name)));
      EXPECT_EQ(contents.size(), 1u);
      EXPECT_NE(readBytes(path("f")), "");
    }
  }
};
} // namespace

TEST_F(AtomicOutputStress, Exchange) { run(true, false); }
TEST_F(AtomicOutputStress, ExchangeInThreads) { run(true, true); }
TEST_F(AtomicOutputStress, Renames) {
  int status = runInChild([] { return breakExchange(EINVAL) ? 0 : 1; });
  if (status != 0)
    GTEST_SKIP() << "no seccomp here";
  run(false, true);
}
