local LENGTH_OFFSET, LENGTH_SIZE = $length_offset, $length_size
local UNCOUNTED = $uncounted -- bytes of a message that its length does not count
local LONGEST = 1048576 -- bytes of a message

-- Returns the number of bytes of the message at the offset; nil if its length is not there yet.
local function message_length(buffer, offset)
    if buffer:len() - offset < LENGTH_OFFSET + LENGTH_SIZE then
        return nil
    end
    local range = buffer(offset + LENGTH_OFFSET, LENGTH_SIZE)
    local length = (IS_LITTLE_ENDIAN and range:le_uint() or range:uint()) + UNCOUNTED
    if length < LENGTH_OFFSET + LENGTH_SIZE or length > LONGEST then
        return buffer:len() - offset, "its length cannot be right"
    end
    return length
end

