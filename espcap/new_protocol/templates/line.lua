local LONGEST = 65536 -- bytes of a line
local LARGEST = {uint8 = "255", uint16 = "65535", uint32 = "4294967295", uint64 = "18446744073709551615"}

-- Returns the number of bytes of the message at the offset; nil if the line is not complete.
local function message_length(buffer, offset)
    for start = offset, buffer:len() - 1, 256 do
        local part = buffer:raw(start, math.min(256, buffer:len() - start))
        local found = part:find("\n", 1, true)
        if found then
            return start + found - offset
        end
    end
    if buffer:len() - offset >= LONGEST then
        return buffer:len() - offset, "the line is longer than " .. LONGEST .. " bytes"
    end
end

-- Returns the digits without leading zeros; nil if the word is not a number of this type.
local function whole_number(word, largest)
    local digits = word:match("^0*(%d+)$$")
    if digits and (#digits < #largest or (#digits == #largest and digits <= largest)) then
        return digits
    end
end

local function is_address(word)
    local parts = {word:match("^(%d+)%.(%d+)%.(%d+)%.(%d+)$$")}
    for _, part in ipairs(parts) do
        if #part > 3 or tonumber(part) > 255 then
            return false
        end
    end
    return #parts == 4
end

-- Adds one word, and returns its text; nil if it is not of the field's type.
local function add_word(tree, each, range)
    local word = range:raw()
    if LARGEST[each.type] then
        word = whole_number(word, LARGEST[each.type])
        if word then
            tree:add(each.field, range, each.type == "uint64" and UInt64.new(word) or tonumber(word))
        end
    elseif each.type == "ipv4" then
        word = is_address(word) and word or nil
        if word then
            tree:add(each.field, range, Address.ip(word))
        end
    elseif each.type == "bytes" then
        tree:add(each.field, range)
        word = range:bytes():tohex(true)
    else
        word = add_string(tree, each, range)
    end
    return word
end

-- Returns the first and the last position of the field's word in the line, counted from 1; nil if it is missing.
local function find_word(line, position, each, is_last)
    if each.size then
        return #line >= position and position, position + each.size - 1
    end
    local first = line:find("[^ ]", position)
    if not first or (is_last and each.type == "string") then
        return first, #line
    end
    return first, (line:find(" ", first, true) or #line + 1) - 1
end

-- Adds the fields of a message. Returns their texts by name and in their order, and what is wrong, if anything is.
local function add_fields(tree, range)
    local line = range:raw():match("^(.-)\r?\n?$$")
    local values, texts, position = {}, {}, 1
    for index, each in ipairs(FIELDS) do
        local first, last = find_word(line, position, each, index == #FIELDS)
        if not first then
            return values, texts, "it has no " .. each.name
        end
        local text = add_word(tree, each, range(first - 1, last - first + 1))
        if not text then
            return values, texts, each.name .. " is not of type " .. each.type
        end
        values[each.name] = text
        table.insert(texts, text)
        position = last + 1
    end
    if #line >= position then
        tree:add(rest_field, range(position - 1, #line - position + 1))
    end
    return values, texts
end

