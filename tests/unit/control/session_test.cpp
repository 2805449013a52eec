// Session ids and folders.
#include "shim/control/session.h"

#include <gmock/gmock.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <set>

#include "shim/control/values.h"
#include "tests/unit/control/temp_folder.h"

namespace recshim::control {
namespace {

TEST(Session, FreshIdsAreNewAndAllowedAsNames) {
  std::set<std::string> ids;
  for (int i = 0; i < 1000; ++i) ids.insert(fresh_session_id());
  EXPECT_EQ(ids.size(), 1000u);
  for (const std::string& id : ids) EXPECT_TRUE(parse_session(id).ok()) << id;
}

TEST(Session, RootIsInTheRuntimeFolderWhereThereIsOne) {
  const TempFolder folder;
  const auto root = [](const std::string& runtime_dir) {
    return session_root(environment_of({{"XDG_RUNTIME_DIR", runtime_dir}}), "id");
  };
  const std::string shared = "/tmp/recshim-" + std::to_string(geteuid());
  EXPECT_EQ(root(folder.path()), folder.path("recshim"));
  EXPECT_THAT(root(folder.path("missing")), testing::StartsWith(shared));
  EXPECT_EQ(root("relative"), root("missing"));
  EXPECT_THAT(session_root(environment_of({}), "id"), testing::StartsWith(shared));
}

TEST(Session, ARootForOneSessionGoesWithIt) {
  EXPECT_EQ(session_tree("/tmp/recshim-0-4026532450-ab-1/ab-1"), "/tmp/recshim-0-4026532450-ab-1");
  for (const char* alone :
       {"/tmp/recshim-1000/1000", "/tmp/recshim-0-1-ab/b", "/tmp/recshim-0-1-ab/1-ab",
        "/run/user/recshim-0-1-ab/ab", "/run/user/1000/recshim/ab"}) {
    EXPECT_EQ(session_tree(alone), alone);
  }
}

TEST(Session, FoldersAreMadeForTheirOwnerAlone) {
  const TempFolder folder;
  const std::string session = folder.path("root/id");
  ASSERT_TRUE(make_session_dir(session).ok());
  ASSERT_TRUE(make_session_dir(session).ok()) << "again is fine";
  for (const std::string& path : {folder.path("root"), session}) {
    struct stat info {};
    ASSERT_EQ(stat(path.c_str(), &info), 0);
    EXPECT_EQ(info.st_mode & 0777, 0700u);
  }
}

TEST(Session, ALinkOrAFileInItsPlaceIsRefused) {
  const TempFolder folder;
  std::filesystem::create_directory(folder.path("elsewhere"));
  std::filesystem::create_directory_symlink(folder.path("elsewhere"), folder.path("link"));
  const Status link = make_session_dir(folder.path("link/id"));
  ASSERT_FALSE(link.ok());
  EXPECT_THAT(link.error().message, testing::HasSubstr("is not a folder"));

  folder.write("file", "");
  EXPECT_FALSE(make_session_dir(folder.path("file/id")).ok());
  EXPECT_TRUE(check_session_folder(folder.path("missing")).ok());
}

TEST(Session, WhatAKilledOwnerLeftIsRemovedWithTheNextSession) {
  const TempFolder folder;
  const auto session = [&](const std::string& id, pid_t owner) {
    Config config;
    config.session = id;
    config.session_dir = folder.path("root/" + id);
    config.session_owner = owner;
    return config;
  };
  const pid_t ended = fork();
  if (ended == 0) _exit(0);
  ASSERT_EQ(waitpid(ended, nullptr, 0), ended);

  ASSERT_TRUE(make_session_dir(session("named", 0)).ok());
  ASSERT_TRUE(make_session_dir(session("abandoned", ended)).ok());
  ASSERT_TRUE(make_session_dir(session("alive", getpid())).ok());
  ASSERT_TRUE(make_session_dir(session("alive", getpid())).ok()) << "again is fine";
  std::set<std::string> names;
  for (const auto& entry : std::filesystem::directory_iterator(folder.path("root"))) {
    names.insert(entry.path().filename());
  }
  EXPECT_THAT(names, testing::ElementsAre("alive", "named"));

  // A program of the killed one's goes on, and makes the folder anew.
  std::filesystem::create_directory(folder.path("root/abandoned"));
  note_owner_again(session("abandoned", ended));
  EXPECT_EQ(noted_owner(folder.path("root/abandoned")), ended);
  ASSERT_TRUE(make_session_dir(session("next", getpid())).ok());
  EXPECT_FALSE(std::filesystem::exists(folder.path("root/abandoned")));
  note_owner_again(session("named", 0));
  EXPECT_TRUE(std::filesystem::is_empty(folder.path("root/named")));

  const std::string alive = folder.path("root/alive");
  EXPECT_EQ(noted_owner(alive), getpid());
  EXPECT_EQ(noted_owner(folder.path("root/named")), 0);
  remove_if_abandoned(alive, noted_owner(alive));
  EXPECT_TRUE(std::filesystem::exists(folder.path("root/alive")));
  folder.write("root/alive/owner", std::to_string(ended) + " 1\n");
  remove_if_abandoned(alive, noted_owner(alive));
  EXPECT_TRUE(std::filesystem::exists(alive))
      << "a process of another namespace is not known to have ended";
}

TEST(Session, AFolderOfAnotherUserIsRefused) {
  const TempFolder folder;
  std::filesystem::create_directory(folder.path("root"));
  // Only root can give a folder away; for anyone else root's own will do.
  const bool is_root = geteuid() == 0;
  if (is_root) {
    ASSERT_EQ(chown(folder.path("root").c_str(), 12345, 12345), 0);
  }
  const Status made = check_session_folder(is_root ? folder.path("root") : "/usr");
  ASSERT_FALSE(made.ok());
  EXPECT_THAT(made.error().message, testing::HasSubstr("belongs to another user"));
}

}  // namespace
}  // namespace recshim::control
