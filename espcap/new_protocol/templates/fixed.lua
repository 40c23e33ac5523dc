local SIZE = $size -- bytes of each message

local function message_length()
    return SIZE
end

