// The session's memory and its folder: their names, their places, and that nobody else owns them.
// Knows nothing of what the store, the tally and the tools keep inside.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "shim/base/result.h"
#include "shim/base/session_memory.h"
#include "shim/control/config.h"

namespace recshim::control {

// A session id nobody has used: 16 hex digits from getrandom(2).
std::string fresh_session_id();

// Where the session's folder is made: `$XDG_RUNTIME_DIR/recshim` where that folder exists and is
// this user's, else `/tmp/recshim-<uid>`, and in a user namespace a folder for this session
// alone. Absolute; not created.
std::string session_root(const GetEnv& get_env, const std::string& session);

// What is to be removed with the session: its folder, or the root that is for it alone.
std::string session_tree(const std::string& session_dir);

// kIo when path (session_root, or a session_dir in it) exists and is not a folder that
// this user alone can write to: another user could have put it there in advance.
Status check_session_folder(const std::string& path);

// Makes session_dir and its parent, both 0700, and checks them as above. Call it before
// the first file is put into the folder, once a process.
Status make_session_dir(const std::string& session_dir);
// Likewise the configuration's; a new one is noted as its owner's, and those whose owner was
// killed before it could remove them are removed.
Status make_session_dir(const Config& config);

// For who may have made the folder anew, with the first file that was put into it, after its
// owner had been killed and another session had removed it: so the next one will again.
void note_owner_again(const Config& config);

// The memory that the session's processes share, which has no name that a mount namespace, a
// chroot(2) or a full disk could hide: a memfd that the session's first process makes and the
// others inherit, as RECSHIM_SESSION_MEMORY says, or take from the process that it names. A session
// that the user named may go on when its last process has ended, so its memory is the file `memory`
// in its folder. One that can't be reached is one whose methods fail. Sets config.memory_at and
// config.store.memory. Never null. Call it once, before config is used.
std::shared_ptr<SessionMemory> open_session_memory(Config& config, const GetEnv& get_env);

// Folders of the same session that belong to other users, and lie where session_root() puts
// them.
std::vector<std::string> session_folders_of_other_users(const Config& config);

// The owner noted in the folder; 0 where there is none, as in sessions that a user named, or it
// can't be told whether it lives (another PID namespace).
pid_t noted_owner(const std::string& session_dir);
// Removes the folder if its owner, which is not 0, has ended.
void remove_if_abandoned(const std::string& session_dir, pid_t owner);

}  // namespace recshim::control
